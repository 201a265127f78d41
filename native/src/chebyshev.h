// Chebyshev polynomials T_0 ... T_{K-1} of many arguments, and their derivatives as sums of polynomials.
#pragma once

#include "simd.h"

namespace deepaw::DEEPAW_ISA {

constexpr int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

// table[j, k] = T_k(q_j), (count, columns), of q in [-1, 1]; count and columns are multiples of the vector width.
//
// The first T_0 ... T_w, w the width, come from the three-term recurrence, for w arguments side by side; the others,
// w at a time, from T_{k + w} = 2 T_w T_k - T_{k - w}, for one argument.
template <class T>
void fill_polynomials(const T *q, int count, int columns, T *table) {
    constexpr int width = Simd<T>::width;
    for (int first = 0; first < count; first += width) {
        const Vector<T> x = load(q + first);
        Vector<T> rows[width];
        Vector<T> before = x - x + T(1), here = x;
        rows[0] = before;
        DEEPAW_UNROLL
        for (int k = 1; k < width; ++k) {
            rows[k] = here;
            const Vector<T> next = T(2) * x * here - before;
            before = here;
            here = next;
        }
        transpose<T>(rows);
        DEEPAW_UNROLL
        for (int lane = 0; lane < width; ++lane) {
            const T last = here[lane];  // T_w
            Vector<T> current = rows[lane], previous = {};
            previous = reversed_after<T>(previous + last, current, std::make_integer_sequence<int, width>{});
            T *row = table + (first + lane) * columns;
            store(row, current);
            for (int k = width; k < columns; k += width) {
                const Vector<T> next = (T(2) * last) * current - previous;
                store(row + k, next);
                previous = current;
                current = next;
            }
        }
    }
}

// result[k] += sum_j value[j] D[j, k], where T_k' = sum_j T_j D[j, k] = 2 k (T_{k-1} + T_{k-3} + ...), T_0 counting half.
// factor: dx/ds.
template <class T>
DEEPAW_INLINE void add_derivative(const T *value, T *result, int polynomials, T factor) {
    T below[2] = {T(0), T(0)};
    for (int k = 1; k < polynomials; ++k) {
        T &sums = below[k & 1];
        sums += k == 1 ? T(0.5) * value[0] : value[k - 1];
        result[k] += 2 * k * factor * sums;
    }
}

}  // namespace deepaw::DEEPAW_ISA
