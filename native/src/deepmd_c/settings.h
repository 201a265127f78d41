// Settings that the C interface has no arguments for: environment variables.
#pragma once

namespace deepmd_c {

// Bits of the numbers that models compute with, 64 or 32: DEEPAW_PRECISION. Throws Failure for another word.
int precision_bits();

// Threads that divide the atoms of an evaluation: DP_INTRA_OP_PARALLELISM_THREADS or OMP_NUM_THREADS; 1 without them.
int thread_count();

}  // namespace deepmd_c
