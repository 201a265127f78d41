// Products of the columns of small matrices with their first columns, each pair of columns once.
//
// With Q (components, columns) and its first `axes` columns, the products are P[p, q] = sum_c Q[c, p] Q[c, q] for all
// columns p and q <= min(p, axes - 1), row after row: of the symmetric part the lower triangle. Those of an atom begin
// `stride` numbers after those of the one before.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace deepaw::DEEPAW_ISA {

template <class T, int components>
DEEPAW_INLINE void fill_products(const T *q, int columns, int axes, T *products, const T *end) {
    constexpr int width = Simd<T>::width;
    for (int p = 0; p < columns; ++p) {
        const int length = p < axes ? p + 1 : axes;
        T here[components];
        for (int c = 0; c < components; ++c) here[c] = q[c * columns + p];
        int k = 0;
        // whole vectors, also where they reach into the next row, which is filled after this one
        for (; k < length && k + width <= columns && products + k + width <= end; k += width) {
            Vector<T> total = here[0] * load(q + k);
            for (int c = 1; c < components; ++c) total += here[c] * load(q + c * columns + k);
            store(products + k, total);
        }
        for (; k < length; ++k) {
            T total = 0;
            for (int c = 0; c < components; ++c) total += here[c] * q[c * columns + k];
            products[k] = total;
        }
        products += length;
    }
}

template <class T>
void products_forward(int64_t natoms, int components, int columns, int axes, const T *Q, T *products, int64_t stride) {
    const int64_t count = products_of(columns, axes);
    for (int64_t atom = 0; atom < natoms; ++atom) {
        const T *q = Q + atom * components * columns;
        T *row = products + atom * stride;
        const T *end = row + count;
        if (components == 4)
            fill_products<T, 4>(q, columns, axes, row, end);
        else
            fill_products<T, 1>(q, columns, axes, row, end);
    }
}

// grad_Q from grad_products = dE/dP.
template <class T>
void products_backward(int64_t natoms, int components, int columns, int axes, const T *Q, const T *grad_of_atoms,
                       int64_t stride, T *grad_Q) {
    constexpr int width = Simd<T>::width;
    for (int64_t atom = 0; atom < natoms; ++atom) {
        const T *q = Q + atom * components * columns;
        const T *grad_products = grad_of_atoms + atom * stride;
        T *g = grad_Q + atom * components * columns;
        for (int k = 0; k < components * columns; ++k) g[k] = 0;
        for (int p = 0; p < columns; ++p) {
            const int length = p < axes ? p + 1 : axes;
            for (int c = 0; c < components; ++c) {
                const T *row = q + c * columns;
                T *grad_row = g + c * columns;
                const T here = row[p];
                Vector<T> partial = {};
                int k = 0;
                for (; k + width <= length; k += width) {
                    const Vector<T> gradient = load(grad_products + k);
                    partial += gradient * load(row + k);
                    store(grad_row + k, load(grad_row + k) + gradient * here);
                }
                T total = sum<T>(partial);
                for (; k < length; ++k) {
                    total += grad_products[k] * row[k];
                    grad_row[k] += grad_products[k] * here;
                }
                grad_row[p] += total;
            }
            grad_products += length;
        }
    }
}

}  // namespace deepaw::DEEPAW_ISA
