// The kernels that are compiled once for each instruction set, as pointers that are chosen at run time.
#pragma once

#include "deepaw_native.h"

namespace deepaw {

// Rows of a packed matrix in one piece: a panel of them and a block of rows stay in a first cache of 48 KiB.
template <class T>
constexpr int inner_block() {
    return 1536 / sizeof(T);
}
constexpr int LARGEST_ROW_BLOCK = 12;

// Sums over pairs of neighbours of functions of their dot product theta = R_j . R_k: with v = asinh(theta) / reach, the
// moments of each pair of types are S[a, b] = sum_jk v T_{16 a}(v) T_b(v).
struct TripleForm {
    int32_t ntypes, rows;  // rows: number of a
    double rcut, rcut_smth, protection, reach;
    const double *scale;      // (ntypes, 3), of the rows R, by type of the centre
    const uint8_t *excluded;  // (ntypes, ntypes)
};

constexpr int TRIPLE_COLUMNS = 16;

template <class T>
struct Kernels {
    void (*forward)(const deepaw_pair_form &, const deepaw_neighbours &, T *moments, T *scratch);
    void (*vjp)(const deepaw_pair_form &, const deepaw_neighbours &, const T *grad_moments, T *grad_vector, int64_t stride,
                bool add, T *scratch);
    void (*jvp)(const deepaw_pair_form &, const deepaw_neighbours &, const T *tangent_vector, int64_t stride,
                T *tangent_moments, T *scratch);
    void (*tanh)(int64_t count, const T *z, T *value, T *first, T *second);
    void (*products_forward)(int64_t natoms, int components, int columns, int axes, const T *Q, T *products,
                             int64_t stride);
    void (*products_backward)(int64_t natoms, int components, int columns, int axes, const T *Q,
                              const T *grad_products, int64_t stride, T *grad_Q);
    int panel;  // columns of a panel of a packed matrix
    void (*multiply)(int64_t rows, int64_t inner, int64_t columns, const T *a, int64_t a_stride, const T *packed, T *c,
                     int64_t c_stride, bool add, T *scratch);
    void (*tanh_layer)(int64_t count, const T *bias, const T *idt, const T *x, T *z, T *slope);
    // moments: (pairs of types, rows, TRIPLE_COLUMNS) of each atom. scratch: 11 numbers for each neighbour of an atom.
    void (*triples_forward)(const TripleForm &, const deepaw_neighbours &, T *moments, T *scratch);
    // grad_moments: coefficients of d/dv of what the moments are worth, in the same basis.
    void (*triples_backward)(const TripleForm &, const deepaw_neighbours &, const T *grad_moments, T *grad_vector,
                             int64_t stride, bool add, T *scratch);
};

struct KernelSet {
    const char *name;
    int32_t *(*find_nearby)(const double *x, const double *y, const double *z, int64_t first, int64_t last,
                            const double *centre, double squared, int32_t *hits);
    Kernels<float> single;
    Kernels<double> wide;
};

// Numbers of scratch memory that the three passes of the pair operator need, for the widest vectors.
inline int64_t scratch_size(const deepaw_pair_form &form) {
    const int64_t columns = (form.polynomials + 15) / 16 * 16;
    return columns * (64 + 8 * 4 * 4);
}

// The kernels for this processor.
const KernelSet &kernels();
template <class T>
const Kernels<T> &kernels_for();
template <>
const Kernels<float> &kernels_for();
template <>
const Kernels<double> &kernels_for();

// Number of products of columns with the first `axes` of them, each pair once.
inline int64_t products_of(int64_t columns, int64_t axes) { return columns * axes - axes * (axes - 1) / 2; }

namespace baseline {
KernelSet kernels();
}
namespace avx2 {
KernelSet kernels();
}
namespace avx512 {
KernelSet kernels();
}

}  // namespace deepaw
