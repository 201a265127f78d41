// Products of the columns of small matrices with their first columns, each pair of columns once.
//
// With Q (components, columns) and its first `axes` columns, the products are P[p, q] = sum_c Q[c, p] Q[c, q] for all
// columns p and q <= min(p, axes - 1), row after row: of the symmetric part the lower triangle.
#pragma once

#include "simd.h"

namespace deepaw::DEEPAW_ISA {

template <class T>
void products_forward(int64_t natoms, int components, int columns, int axes, const T *Q, T *products) {
    for (int64_t atom = 0; atom < natoms; ++atom) {
        const T *q = Q + atom * components * columns;
        for (int p = 0; p < columns; ++p) {
            const int length = p < axes ? p + 1 : axes;
            for (int k = 0; k < length; ++k) {
                T total = 0;
                for (int c = 0; c < components; ++c) total += q[c * columns + p] * q[c * columns + k];
                products[k] = total;
            }
            products += length;
        }
    }
}

// grad_Q from grad_products = dE/dP.
template <class T>
void products_backward(int64_t natoms, int components, int columns, int axes, const T *Q, const T *grad_products,
                       T *grad_Q) {
    constexpr int width = Simd<T>::width;
    for (int64_t atom = 0; atom < natoms; ++atom) {
        const T *q = Q + atom * components * columns;
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
