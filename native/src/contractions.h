// Sums over neighbours and over polynomials, in blocks that stay in registers.
#pragma once

#include "chebyshev.h"
#include "environment.h"

namespace deepaw::DEEPAW_ISA {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int REGISTER_BLOCK = 6;  // vectors of polynomials for four rows: 24 sums and what is multiplied, of 32 registers
constexpr int NEIGHBOUR_BLOCK = 2;
#else
constexpr int REGISTER_BLOCK = 2;
constexpr int NEIGHBOUR_BLOCK = 1;
#endif

// sums[c, k] += sum_j row[c, j] table[j, k] for `vectors` vectors of k.
template <class T, int rows, int vectors>
DEEPAW_INLINE void accumulate_block(const T (*row)[CHUNK], int count, const T *table, int columns, T *sums) {
    constexpr int width = Simd<T>::width;
    Vector<T> total[rows][vectors];
    DEEPAW_UNROLL
    for (int c = 0; c < rows; ++c)
        DEEPAW_UNROLL
        for (int v = 0; v < vectors; ++v) total[c][v] = load(sums + c * columns + v * width);
    for (int j = 0; j < count; ++j) {
        Vector<T> polynomial[vectors];
        DEEPAW_UNROLL
        for (int v = 0; v < vectors; ++v) polynomial[v] = load(table + j * columns + v * width);
        DEEPAW_UNROLL
        for (int c = 0; c < rows; ++c)
            DEEPAW_UNROLL
            for (int v = 0; v < vectors; ++v) total[c][v] += polynomial[v] * row[c][j];
    }
    DEEPAW_UNROLL
    for (int c = 0; c < rows; ++c)
        DEEPAW_UNROLL
        for (int v = 0; v < vectors; ++v) store(sums + c * columns + v * width, total[c][v]);
}

// sums (rows, columns) += row (rows, count) table (count, columns).
template <class T, int rows>
void accumulate(const T (*row)[CHUNK], int count, const T *table, int columns, T *sums) {
    constexpr int width = Simd<T>::width;
    int first = 0;
    for (; first + REGISTER_BLOCK * width <= columns; first += REGISTER_BLOCK * width)
        accumulate_block<T, rows, REGISTER_BLOCK>(row, count, table + first, columns, sums + first);
    switch ((columns - first) / width) {
        case 5: accumulate_block<T, rows, 5>(row, count, table + first, columns, sums + first); break;
        case 4: accumulate_block<T, rows, 4>(row, count, table + first, columns, sums + first); break;
        case 3: accumulate_block<T, rows, 3>(row, count, table + first, columns, sums + first); break;
        case 2: accumulate_block<T, rows, 2>(row, count, table + first, columns, sums + first); break;
        case 1: accumulate_block<T, rows, 1>(row, count, table + first, columns, sums + first); break;
        default: break;
    }
}

// sums (rows, columns) += straight lines beyond the basis, k^2 sum_j beyond_j row[c, j].
template <class T, int rows>
void accumulate_beyond(const T (*row)[CHUNK], const Chunk<T> &chunk, int columns, T *sums) {
    for (int c = 0; c < rows; ++c) {
        T total = 0;
        for (int j = 0; j < chunk.count; ++j) total += chunk.beyond[j] * row[c][j];
        for (int k = 0; k < columns; ++k) sums[c * columns + k] += T(k) * T(k) * total;
    }
}

// products[c, j] = sum_k T_k(q_j) G[k, c], for `block` vectors of neighbours.
template <class T, int outputs, int block>
DEEPAW_INLINE void contract_block(const T *q, const T *G, int polynomials, T (*products)[CHUNK], int first) {
    constexpr int width = Simd<T>::width;
    Vector<T> before[block], here[block], twice[block], total[outputs][block];
    DEEPAW_UNROLL
    for (int v = 0; v < block; ++v) {
        here[v] = load(q + first + v * width);
        twice[v] = T(2) * here[v];
        before[v] = here[v] - here[v] + T(1);
    }
    DEEPAW_UNROLL
    for (int c = 0; c < outputs; ++c)
        DEEPAW_UNROLL
        for (int v = 0; v < block; ++v) total[c][v] = before[v] * G[c];
    for (int k = 1; k < polynomials; ++k) {
        const T *g = G + k * outputs;
        DEEPAW_UNROLL
        for (int c = 0; c < outputs; ++c)
            DEEPAW_UNROLL
            for (int v = 0; v < block; ++v) total[c][v] += here[v] * g[c];
        DEEPAW_UNROLL
        for (int v = 0; v < block; ++v) {
            const Vector<T> next = twice[v] * here[v] - before[v];
            before[v] = here[v];
            here[v] = next;
        }
    }
    DEEPAW_UNROLL
    for (int c = 0; c < outputs; ++c)
        DEEPAW_UNROLL
        for (int v = 0; v < block; ++v) store(products[c] + first + v * width, total[c][v]);
}

template <class T, int outputs>
void contract(const Chunk<T> &chunk, const T *G, int polynomials, T (*products)[CHUNK]) {
    constexpr int width = Simd<T>::width;
    int first = 0;
    for (; first + NEIGHBOUR_BLOCK * width <= chunk.padded; first += NEIGHBOUR_BLOCK * width)
        contract_block<T, outputs, NEIGHBOUR_BLOCK>(chunk.q, G, polynomials, products, first);
    for (; first < chunk.padded; first += width) contract_block<T, outputs, 1>(chunk.q, G, polynomials, products, first);
}

}  // namespace deepaw::DEEPAW_ISA
