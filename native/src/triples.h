// Moments of dot products of neighbours, and the map from their gradient to that of positions; see TripleForm.
//
// With q = T_16(v) the polynomials T_{16 a}(v) are T_a(q) (Chebyshev polynomials of Chebyshev polynomials).
#pragma once

#include <cmath>

#include "environment.h"
#include "kernels.h"

namespace deepaw::DEEPAW_ISA {

// Rows of the neighbours of an atom in columns of `stride` numbers: R (3), unit vectors (3), h and r dh/dr.
template <class T>
struct TripleRows {
    T *row[3], *unit[3], *ratio, *bend, *gradient[3];

    TripleRows(T *memory, int64_t stride) {
        for (int axis = 0; axis < 3; ++axis) {
            row[axis] = memory + axis * stride;
            unit[axis] = memory + (3 + axis) * stride;
            gradient[axis] = memory + (8 + axis) * stride;
        }
        ratio = memory + 6 * stride;
        bend = memory + 7 * stride;
    }
};

template <class T>
void fill_triple_rows(const TripleForm &form, int64_t kind, const T *vector, int64_t stride, int64_t count,
                      const TripleRows<T> &rows) {
    const T rcut = T(form.rcut), smooth = T(form.rcut_smth), protection = T(form.protection);
    const T inverse_width = T(1 / (form.rcut - form.rcut_smth));
    for (int64_t j = 0; j < count; ++j) {
        const T x = vector[j], y = vector[stride + j], z = vector[2 * stride + j];
        const T r = std::sqrt(x * x + y * y + z * z), inverse = 1 / r;
        T u = (r - smooth) * inverse_width;
        u = u < 0 ? T(0) : u > 1 ? T(1) : u;
        T w = u * u * u * (T(-6) * u * u + T(15) * u - T(10)) + T(1);
        T slope = T(-30) * inverse_width * (u * (u - 1)) * (u * (u - 1));
        if (r >= rcut) w = slope = 0;
        const T reach = 1 / (r + protection), ratio = w * reach * reach;
        rows.ratio[j] = ratio;
        rows.bend[j] = r * (slope * reach * reach - 2 * ratio * reach);
        const T component[3] = {x, y, z};
        for (int axis = 0; axis < 3; ++axis) {
            rows.unit[axis][j] = component[axis] * inverse;
            rows.row[axis][j] = component[axis] * ratio * T(form.scale[3 * kind + axis]);
        }
    }
}

// Dot products of a neighbour with up to CHUNK others.
template <class T>
struct DotChunk {
    alignas(64) T v[CHUNK], slope[CHUNK], q[CHUNK];
    alignas(64) T columns[TRIPLE_COLUMNS][CHUNK];

    // theta = R_j . R_k for k = first ... first + count - 1; padded with theta = 0.
    void fill(const TripleForm &form, const TripleRows<T> &rows, int64_t j, int64_t first, int count) {
        const T inverse_reach = T(1 / form.reach);
        const T x = rows.row[0][j], y = rows.row[1][j], z = rows.row[2][j];
        for (int p = 0; p < CHUNK; ++p) v[p] = 0;
        for (int p = 0; p < count; ++p)
            v[p] = x * rows.row[0][first + p] + y * rows.row[1][first + p] + z * rows.row[2][first + p];
        for (int p = 0; p < count; ++p) {
            const T theta = v[p];
            v[p] = std::asinh(theta) * inverse_reach;
            slope[p] = inverse_reach / std::sqrt(T(1) + theta * theta);
        }
        for (int p = 0; p < CHUNK; ++p) {
            T t = v[p];
            for (int doubling = 0; doubling < 4; ++doubling) t = 2 * t * t - 1;
            q[p] = t;
        }
    }

    // columns[b] = factor T_b(v)
    void fill_columns(const T *factor) {
        for (int p = 0; p < CHUNK; ++p) {
            columns[0][p] = factor[p];
            columns[1][p] = factor[p] * v[p];
        }
        for (int b = 2; b < TRIPLE_COLUMNS; ++b)
            for (int p = 0; p < CHUNK; ++p) columns[b][p] = 2 * v[p] * columns[b - 1][p] - columns[b - 2][p];
    }
};

// Pairs of types t <= u whose neighbours both count, by their number in the order 0-0, 0-1, ..., 1-1, ...
template <class Work>
void each_pair_of_types(const TripleForm &form, int64_t kind, const int64_t *rows, Work work) {
    int number = 0;
    for (int t = 0; t < form.ntypes; ++t)
        for (int u = t; u < form.ntypes; ++u, ++number) {
            if (form.excluded[kind * form.ntypes + t] || form.excluded[kind * form.ntypes + u]) continue;
            const int64_t begin = rows[0];
            for (int64_t j = rows[t] - begin; j < rows[t + 1] - begin; ++j)
                for (int64_t k = t == u ? j : rows[u] - begin; k < rows[u + 1] - begin; k += CHUNK) {
                    const int64_t left = rows[u + 1] - begin - k;
                    work(number, t == u, j, k, int(left < CHUNK ? left : CHUNK));
                }
        }
}

template <class T>
void triples_forward(const TripleForm &form, const deepaw_neighbours &neighbours, T *moments, T *scratch) {
    constexpr int width = Simd<T>::width, vectors = TRIPLE_COLUMNS / width > 0 ? TRIPLE_COLUMNS / width : 1;
    const int64_t size = int64_t(form.rows) * TRIPLE_COLUMNS, pairs = int64_t(form.ntypes) * (form.ntypes + 1) / 2;
    static thread_local DotChunk<T> chunk;
    alignas(64) T factor[CHUNK], previous[CHUNK], current[CHUNK], transposed[CHUNK][TRIPLE_COLUMNS];
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t *rows = neighbours.rows + atom * form.ntypes;
        const int64_t count = rows[form.ntypes] - rows[0], kind = neighbours.types[atom];
        const TripleRows<T> space(scratch, count);
        fill_triple_rows(form, kind, static_cast<const T *>(neighbours.vector) + rows[0], neighbours.stride, count, space);
        T *of_atom = moments + atom * pairs * size;
        for (int64_t i = 0; i < pairs * size; ++i) of_atom[i] = 0;
        each_pair_of_types(form, kind, rows, [&](int number, bool same, int64_t j, int64_t first, int points) {
            chunk.fill(form, space, j, first, points);
            for (int p = 0; p < CHUNK; ++p) factor[p] = same && first + p != j ? 2 * chunk.v[p] : chunk.v[p];
            chunk.fill_columns(factor);
            for (int p = 0; p < CHUNK; ++p)
                for (int b = 0; b < TRIPLE_COLUMNS; ++b) transposed[p][b] = chunk.columns[b][p];
            for (int p = 0; p < CHUNK; ++p) {
                previous[p] = chunk.q[p];
                current[p] = 1;
            }
            T *sums = of_atom + number * size;
            for (int a = 0; a < form.rows; ++a) {
                Vector<T> total[vectors];
                for (int v = 0; v < vectors; ++v) total[v] = load(sums + a * TRIPLE_COLUMNS + v * width);
                for (int p = 0; p < points; ++p)
                    for (int v = 0; v < vectors; ++v) total[v] += load(transposed[p] + v * width) * current[p];
                for (int v = 0; v < vectors; ++v) store(sums + a * TRIPLE_COLUMNS + v * width, total[v]);
                for (int p = 0; p < CHUNK; ++p) {
                    const T next = 2 * chunk.q[p] * current[p] - previous[p];
                    previous[p] = current[p];
                    current[p] = next;
                }
            }
        });
    }
}

template <class T>
void triples_backward(const TripleForm &form, const deepaw_neighbours &neighbours, const T *grad_moments,
                      T *grad_vector, int64_t stride, bool add, T *scratch) {
    const int64_t size = int64_t(form.rows) * TRIPLE_COLUMNS, pairs = int64_t(form.ntypes) * (form.ntypes + 1) / 2;
    static thread_local DotChunk<T> chunk;
    alignas(64) T one[CHUNK], previous[CHUNK], current[CHUNK], value[CHUNK];
    for (int p = 0; p < CHUNK; ++p) one[p] = 1;
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t *rows = neighbours.rows + atom * form.ntypes;
        const int64_t count = rows[form.ntypes] - rows[0], kind = neighbours.types[atom];
        const TripleRows<T> space(scratch, count);
        fill_triple_rows(form, kind, static_cast<const T *>(neighbours.vector) + rows[0], neighbours.stride, count, space);
        for (int axis = 0; axis < 3; ++axis)
            for (int64_t j = 0; j < count; ++j) space.gradient[axis][j] = 0;
        const T *of_atom = grad_moments + atom * pairs * size;
        each_pair_of_types(form, kind, rows, [&](int number, bool same, int64_t j, int64_t first, int points) {
            chunk.fill(form, space, j, first, points);
            chunk.fill_columns(one);
            for (int p = 0; p < CHUNK; ++p) {
                previous[p] = chunk.q[p];
                current[p] = 1;
                value[p] = 0;
            }
            for (int a = 0; a < form.rows; ++a) {
                const T *g = of_atom + number * size + a * TRIPLE_COLUMNS;
                for (int p = 0; p < CHUNK; ++p) {
                    T total = 0;
                    DEEPAW_UNROLL
                    for (int b = 0; b < TRIPLE_COLUMNS; ++b) total += g[b] * chunk.columns[b][p];
                    value[p] += current[p] * total;
                    const T next = 2 * chunk.q[p] * current[p] - previous[p];
                    previous[p] = current[p];
                    current[p] = next;
                }
            }
            for (int p = 0; p < points; ++p) {
                const int64_t k = first + p;
                const T grad_dot = value[p] * chunk.slope[p] * (same && k != j ? T(2) : T(1));
                for (int axis = 0; axis < 3; ++axis) {
                    space.gradient[axis][j] += grad_dot * space.row[axis][k];
                    space.gradient[axis][k] += grad_dot * space.row[axis][j];
                }
            }
        });
        T *to = grad_vector + rows[0];
        for (int64_t j = 0; j < count; ++j) {
            T u[3], along = 0;
            for (int axis = 0; axis < 3; ++axis) {
                u[axis] = space.gradient[axis][j] * T(form.scale[3 * kind + axis]);
                along += u[axis] * space.unit[axis][j];
            }
            for (int axis = 0; axis < 3; ++axis) {
                const T gradient = space.bend[j] * along * space.unit[axis][j] + space.ratio[j] * u[axis];
                to[axis * stride + j] = gradient + (add ? to[axis * stride + j] : T(0));
            }
        }
    }
}

}  // namespace deepaw::DEEPAW_ISA
