// Settings that the C interface has no arguments for: environment variables.
#pragma once

namespace deepmd_c {

// Return the bits of the numbers that models compute with: 64 or 32, by DEEPAW_PRECISION. Throws Failure for other
// words.
int precision_bits();

// Return the number of threads that divide the atoms of an evaluation: DP_INTRA_OP_PARALLELISM_THREADS, else
// OMP_NUM_THREADS, else 1.
int thread_count();

}  // namespace deepmd_c
