// Products of matrices with a constant right-hand side that was packed into panels once.
//
// b (inner, columns) is packed in pieces of at most inner_block() rows; in each, panels of PANEL columns follow each other,
// (rows of the piece, PANEL), with zeros beyond the last column. A panel stays in the first cache while rows of a pass by.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace deepaw::DEEPAW_ISA {

constexpr int PANEL_VECTORS = 2;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int ROW_BLOCK = 12;  // sums of 12 x 2 vectors, of 32 registers
#else
constexpr int ROW_BLOCK = 6;
#endif

template <class T>
constexpr int panel_columns() {
    return PANEL_VECTORS * Simd<T>::width;
}

// c (rows, columns of a panel) += a b for `rows` rows of a, given column by column (inner, ROW_BLOCK).
template <class T, int rows>
DEEPAW_INLINE void multiply_block(int64_t inner, const T *a, const T *b, T *c, int64_t c_stride, int columns, bool add) {
    constexpr int width = Simd<T>::width, panel = panel_columns<T>();
    Vector<T> total[rows][PANEL_VECTORS] = {};
    for (int64_t k = 0; k < inner; ++k) {
        Vector<T> right[PANEL_VECTORS];
        DEEPAW_UNROLL
        for (int v = 0; v < PANEL_VECTORS; ++v) right[v] = load(b + k * panel + v * width);
        DEEPAW_UNROLL
        for (int r = 0; r < rows; ++r)
            DEEPAW_UNROLL
            for (int v = 0; v < PANEL_VECTORS; ++v) total[r][v] += right[v] * a[k * ROW_BLOCK + r];
    }
    if (columns == panel) {
        DEEPAW_UNROLL
        for (int r = 0; r < rows; ++r)
            DEEPAW_UNROLL
            for (int v = 0; v < PANEL_VECTORS; ++v) {
                T *to = c + r * c_stride + v * width;
                store(to, add ? load(to) + total[r][v] : total[r][v]);
            }
        return;
    }
    for (int r = 0; r < rows; ++r) {
        T row[panel];
        for (int v = 0; v < PANEL_VECTORS; ++v) store(row + v * width, total[r][v]);
        for (int column = 0; column < columns; ++column)
            c[r * c_stride + column] = row[column] + (add ? c[r * c_stride + column] : T(0));
    }
}

template <class T, int rows = ROW_BLOCK>
void multiply_rows(int count, int64_t inner, const T *a, const T *b, T *c, int64_t c_stride, int columns, bool add) {
    if (count == rows)
        multiply_block<T, rows>(inner, a, b, c, c_stride, columns, add);
    else if constexpr (rows > 1)
        multiply_rows<T, rows - 1>(count, inner, a, b, c, c_stride, columns, add);
}

// c (rows, columns) = a (rows, inner) b, or added to c; scratch: rows rounded up to ROW_BLOCK, times inner_block().
template <class T>
void multiply_packed(int64_t rows, int64_t inner, int64_t columns, const T *a, int64_t a_stride, const T *packed, T *c,
                     int64_t c_stride, bool add, T *scratch) {
    constexpr int panel = panel_columns<T>();
    for (int64_t first = 0; first < inner; first += inner_block<T>()) {
        const int64_t depth = inner - first < inner_block<T>() ? inner - first : inner_block<T>();
        for (int64_t row = 0; row < rows; row += ROW_BLOCK) {
            const int count = int(rows - row < ROW_BLOCK ? rows - row : ROW_BLOCK);
            T *to = scratch + row * depth;
            for (int r = 0; r < count; ++r) {
                const T *from = a + (row + r) * a_stride + first;
                for (int64_t k = 0; k < depth; ++k) to[k * ROW_BLOCK + r] = from[k];
            }
        }
        for (int64_t column = 0; column < columns; column += panel) {
            const int width = int(columns - column < panel ? columns - column : panel);
            for (int64_t row = 0; row < rows; row += ROW_BLOCK) {
                const int count = int(rows - row < ROW_BLOCK ? rows - row : ROW_BLOCK);
                multiply_rows<T>(count, depth, scratch + row * depth, packed, c + row * c_stride + column, c_stride, width,
                                 add || first > 0);
            }
            packed += depth * panel;
        }
    }
}

}  // namespace deepaw::DEEPAW_ISA
