// The kernels that are compiled once for each instruction set, as pointers that are chosen at run time.
#pragma once

#include "deepaw_native.h"

namespace deepaw {

template <class T>
struct Kernels {
    void (*forward)(const deepaw_pair_form &, const deepaw_neighbours &, T *moments, T *scratch);
    void (*vjp)(const deepaw_pair_form &, const deepaw_neighbours &, const T *grad_moments, T *grad_vector, int64_t stride,
                bool add, T *scratch);
    void (*jvp)(const deepaw_pair_form &, const deepaw_neighbours &, const T *tangent_vector, int64_t stride,
                T *tangent_moments, T *scratch);
    void (*tanh)(int64_t count, const T *z, T *value, T *first, T *second);
    void (*products_forward)(int64_t natoms, int components, int columns, int axes, const T *Q, T *products);
    void (*products_backward)(int64_t natoms, int components, int columns, int axes, const T *Q,
                              const T *grad_products, T *grad_Q);
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
