// Moments of neighbours, the map from their gradient to that of positions, and its transpose.
//
// With q = 2 s / high - 1, T_k the Chebyshev polynomials of q and R the rows of the descriptor,
//
//     B[c, t, k] = sum_j R_c T_k                                                                        forward
//     dE/dr = [ds/dr (U_0 + R.V) + bend (u.e)] e + h u,
//         U_c = sum_k T_k g_ck scale_c,  V_c = sum_k T_k' g_ck,  u = (U_1, U_2, U_3),  g = dE/dB        vjp
//     dB[c, t, k] = sum_j dR_c T_k + R_c ds T_k'                                                        jvp
//
// where T' is a sum of polynomials, so that derivatives are taken of g or of the sums, once per atom. Where s is above
// the basis, T_k goes on as the straight line 1 + k^2 (q - 1), with T_k'(1) as its slope.
#pragma once

#include "contractions.h"

namespace deepaw::DEEPAW_ISA {

// Columns of G for `contract`, (K, 2 components): g scale, then g differentiated; with one component the latter alone.
//
// The derivative of sum_k g_k T_k has the coefficients d_j = 2 (j + 1) g_{j+1} + d_{j+2}, d_0 half (Mason and Handscomb,
// Chebyshev Polynomials, 2.4.5), times dx/ds. lines: sum_k k^2 g_k scale, for straight lines beyond the basis.
template <class T, int components>
void fill_gradient(const deepaw_pair_form &form, const Settings<T> &settings, const T *grad_moments, int64_t stride,
                   T *G, T *lines) {
    constexpr int outputs = components == 1 ? 1 : 2 * components;
    typedef T Row __attribute__((vector_size(components * sizeof(T))));
    const int K = form.polynomials;
    Row scale = {}, beyond = {}, above[2] = {}, next = {};
    for (int c = 0; c < components; ++c) scale[c] = settings.scale[c];
    for (int k = K - 1; k >= 0; --k) {
        Row here = {};
        for (int c = 0; c < components; ++c) here[c] = grad_moments[c * stride + k];
        Row &derivative = above[k & 1];
        derivative += (T(2 * (k + 1)) * settings.to_basis) * next;
        next = here;
        const Row slope = k == 0 ? T(0.5) * derivative : derivative;
        T *g = G + k * outputs;
        for (int c = 0; c < components; ++c) g[outputs - components + c] = slope[c];
        if constexpr (components > 1) {
            const Row scaled = here * scale;
            beyond += (T(k) * T(k)) * scaled;
            for (int c = 0; c < components; ++c) g[c] = scaled[c];
        }
    }
    for (int c = 0; c < components; ++c) lines[c] = beyond[c];
}

// Groups of moments: one for each type, and before them, where types fade, that of all types together.
inline int group_of(const deepaw_pair_form &form, int type) { return form.fading ? 1 + type : type; }
inline int groups_of(const deepaw_pair_form &form) { return form.fading ? 1 + form.ntypes : form.ntypes; }

template <class T>
struct Scratch {
    T *table, *plain, *faded, *slopes, *faded_slopes;

    Scratch(T *memory, int columns) {
        table = memory;
        plain = table + CHUNK * columns;
        faded = plain + 4 * columns;
        slopes = faded + 4 * columns;
        faded_slopes = slopes + 4 * columns;
    }
};

template <class T>
void clear(T *memory, int64_t count) {
    for (int64_t i = 0; i < count; ++i) memory[i] = 0;
}

// What slots without a visible neighbour add: (slots - neighbours) times `empty`, `hidden` for excluded ones.
template <class T>
void add_slots(const deepaw_pair_form &form, int64_t kind, int type, int64_t count, int components, T *moments,
               int64_t stride) {
    const int K = form.polynomials;
    const bool excluded = form.excluded[kind * form.ntypes + type];
    const double hidden = excluded && form.fixed_slots ? double(count) : 0;
    const double empty = form.slots[type] - (excluded ? hidden : double(count));
    for (int c = 0; c < components; ++c) {
        const double *at_cutoff = form.empty + (kind * components + c) * K;
        const double *at_mean = form.hidden + (kind * components + c) * K;
        T *row = moments + c * stride;
        for (int k = 0; k < K; ++k) row[k] += T(empty * at_cutoff[k]);
        if (hidden > 0)
            for (int k = 0; k < K; ++k) row[k] += T(hidden * at_mean[k]);
    }
}

template <class T, int components, bool fading>
void moments_forward(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, T *moments, T *scratch) {
    constexpr int width = Simd<T>::width;
    const int K = form.polynomials, columns = round_up(K, width), groups = groups_of(form);
    const Scratch<T> space(scratch, columns);
    Chunk<T> chunk;
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t kind = neighbours.types[atom];
        const Settings<T> settings(form, kind);
        T *result = moments + atom * components * groups * K;
        clear(result, int64_t(components) * groups * K);
        const int64_t stride = int64_t(groups) * K;
        if (fading) clear(space.plain, components * columns);
        for (int type = 0; type < form.ntypes; ++type) {
            const int64_t *rows = neighbours.rows + atom * form.ntypes + type;
            T *of_group = result + group_of(form, type) * K;
            add_slots(form, kind, type, rows[1] - rows[0], components, fading ? result : of_group, stride);
            if (form.excluded[kind * form.ntypes + type]) continue;
            T *sums = fading ? space.faded : space.plain;
            clear(sums, components * columns);
            for (int64_t first = rows[0]; first < rows[1]; first += CHUNK) {
                const int count = int(rows[1] - first < CHUNK ? rows[1] - first : CHUNK);
                fill_chunk<T, components>(settings, static_cast<const T *>(neighbours.vector) + first,
                                          neighbours.stride, count, chunk);
                fill_polynomials(chunk.q, chunk.padded, columns, space.table);
                if constexpr (fading) {
                    accumulate<T, components>(chunk.row, count, space.table, columns, space.plain);
                    if (chunk.has_beyond) accumulate_beyond<T, components>(chunk.row, chunk, columns, space.plain);
                    for (int c = 0; c < components; ++c)
                        for (int j = 0; j < count; ++j) chunk.row[c][j] *= chunk.w[j];
                }
                accumulate<T, components>(chunk.row, count, space.table, columns, sums);
                if (chunk.has_beyond) accumulate_beyond<T, components>(chunk.row, chunk, columns, sums);
            }
            for (int c = 0; c < components; ++c)
                for (int k = 0; k < K; ++k) of_group[c * stride + k] += sums[c * columns + k];
        }
        if (fading)
            for (int c = 0; c < components; ++c)
                for (int k = 0; k < K; ++k) result[c * stride + k] += space.plain[c * columns + k];
    }
}

template <class T, int components, bool fading>
void moments_vjp(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, const T *grad_moments,
                 T *grad_vector, int64_t far, bool add, T *scratch) {
    constexpr int outputs = components == 1 ? 1 : 2 * components;
    const int K = form.polynomials, groups = groups_of(form);
    const int64_t stride = int64_t(groups) * K;
    T *G = scratch, *G_plain = G + K * outputs;
    T lines[components], lines_plain[components];
    alignas(64) T products[outputs][CHUNK], products_plain[outputs][CHUNK], gradient[3][CHUNK];
    Chunk<T> chunk;
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t kind = neighbours.types[atom];
        const Settings<T> settings(form, kind);
        const T *of_atom = grad_moments + atom * components * stride;
        if constexpr (fading) fill_gradient<T, components>(form, settings, of_atom, stride, G_plain, lines_plain);
        for (int type = 0; type < form.ntypes; ++type) {
            const int64_t *rows = neighbours.rows + atom * form.ntypes + type;
            if (form.excluded[kind * form.ntypes + type]) {
                for (int axis = 0; axis < 3 && !add; ++axis)
                    clear(grad_vector + axis * far + rows[0], rows[1] - rows[0]);
                continue;
            }
            fill_gradient<T, components>(form, settings, of_atom + group_of(form, type) * K, stride, G, lines);
            for (int64_t first = rows[0]; first < rows[1]; first += CHUNK) {
                const int count = int(rows[1] - first < CHUNK ? rows[1] - first : CHUNK);
                fill_chunk<T, components>(settings, static_cast<const T *>(neighbours.vector) + first,
                                          neighbours.stride, count, chunk);
                contract<T, outputs>(chunk, G, K, products);
                if constexpr (components > 1)
                    if (chunk.has_beyond)
                        for (int c = 0; c < components; ++c)
                            for (int j = 0; j < count; ++j) products[c][j] += chunk.beyond[j] * lines[c];
                T fade[CHUNK];
                if constexpr (fading) {
                    contract<T, outputs>(chunk, G_plain, K, products_plain);
                    if (chunk.has_beyond)
                        for (int c = 0; c < components; ++c)
                            for (int j = 0; j < count; ++j) products_plain[c][j] += chunk.beyond[j] * lines_plain[c];
                    for (int j = 0; j < chunk.padded; ++j) fade[j] = 0;
                    for (int c = 0; c < components; ++c)
                        for (int j = 0; j < chunk.padded; ++j)
                            fade[j] += chunk.row[c][j] * products[c][j] * (chunk.w_slope[j] / settings.scale[c]);
                    for (int c = 0; c < outputs; ++c)
                        for (int j = 0; j < chunk.padded; ++j)
                            products[c][j] = products_plain[c][j] + chunk.w[j] * products[c][j];
                }
                if constexpr (components == 1) {
                    for (int j = 0; j < chunk.padded; ++j) {
                        const T along = chunk.slope[j] * products[0][j];
                        for (int axis = 0; axis < 3; ++axis) gradient[axis][j] = along * chunk.unit[axis][j];
                    }
                } else {
                    for (int j = 0; j < chunk.padded; ++j) {
                        const T u = products[1][j], v = products[2][j], w = products[3][j];
                        const T radial = products[0][j] + chunk.row[0][j] * products[4][j] +
                                         chunk.row[1][j] * products[5][j] + chunk.row[2][j] * products[6][j] +
                                         chunk.row[3][j] * products[7][j];
                        const T turned = u * chunk.unit[0][j] + v * chunk.unit[1][j] + w * chunk.unit[2][j];
                        T along = chunk.slope[j] * radial + chunk.bend[j] * turned;
                        if constexpr (fading) along += fade[j];
                        gradient[0][j] = along * chunk.unit[0][j] + chunk.ratio[j] * u;
                        gradient[1][j] = along * chunk.unit[1][j] + chunk.ratio[j] * v;
                        gradient[2][j] = along * chunk.unit[2][j] + chunk.ratio[j] * w;
                    }
                }
                for (int axis = 0; axis < 3; ++axis) {
                    T *to = grad_vector + axis * far + first;
                    for (int j = 0; j < count; ++j) to[j] = gradient[axis][j] + (add ? to[j] : T(0));
                }
            }
        }
    }
}

template <class T, int components, bool fading>
void moments_jvp(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, const T *tangent_vector,
                 int64_t far, T *tangent_moments, T *scratch) {
    constexpr int width = Simd<T>::width;
    const int K = form.polynomials, columns = round_up(K, width), groups = groups_of(form);
    const int64_t stride = int64_t(groups) * K;
    const Scratch<T> space(scratch, columns);
    alignas(64) T turned[4][CHUNK], stretched[4][CHUNK];
    Chunk<T> chunk;
    // sums of tangents of rows times T, and of rows times ds, to be multiplied by T'
    const auto add_sums = [&](T *values, T *slopes, T *result) {
        for (int c = 0; c < components; ++c) {
            for (int k = 0; k < K; ++k) result[c * stride + k] += values[c * columns + k];
            add_derivative(slopes + c * columns, result + c * stride, K, T(2 / form.high));
        }
    };
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t kind = neighbours.types[atom];
        const Settings<T> settings(form, kind);
        T *result = tangent_moments + atom * components * stride;
        clear(result, components * stride);
        if (fading) clear(space.plain, components * columns), clear(space.slopes, components * columns);
        for (int type = 0; type < form.ntypes; ++type) {
            const int64_t *rows = neighbours.rows + atom * form.ntypes + type;
            if (form.excluded[kind * form.ntypes + type]) continue;
            T *values = fading ? space.faded : space.plain, *slopes = fading ? space.faded_slopes : space.slopes;
            clear(values, components * columns);
            clear(slopes, components * columns);
            for (int64_t first = rows[0]; first < rows[1]; first += CHUNK) {
                const int count = int(rows[1] - first < CHUNK ? rows[1] - first : CHUNK);
                fill_chunk<T, components>(settings, static_cast<const T *>(neighbours.vector) + first,
                                          neighbours.stride, count, chunk);
                fill_polynomials(chunk.q, chunk.padded, columns, space.table);
                alignas(64) T fade_slope[CHUNK];
                const T *tangent = tangent_vector + first;
                for (int j = 0; j < count; ++j) {
                    const T x = tangent[j], y = tangent[far + j], z = tangent[2 * far + j];
                    const T along = chunk.unit[0][j] * x + chunk.unit[1][j] * y + chunk.unit[2][j] * z;
                    const T ds = chunk.slope[j] * along;
                    fade_slope[j] = chunk.w_slope[j] * along;
                    for (int c = 0; c < components; ++c) stretched[c][j] = chunk.row[c][j] * ds;
                    if constexpr (components == 1) {
                        turned[0][j] = 0;
                    } else {
                        const T outward = chunk.bend[j] * along;
                        turned[0][j] = ds * settings.scale[0];
                        turned[1][j] = (chunk.unit[0][j] * outward + chunk.ratio[j] * x) * settings.scale[1];
                        turned[2][j] = (chunk.unit[1][j] * outward + chunk.ratio[j] * y) * settings.scale[2];
                        turned[3][j] = (chunk.unit[2][j] * outward + chunk.ratio[j] * z) * settings.scale[3];
                    }
                }
                const auto add_chunk = [&](T *values_of, T *slopes_of) {
                    if constexpr (components > 1 || fading) {
                        accumulate<T, components>(turned, count, space.table, columns, values_of);
                        if (chunk.has_beyond) accumulate_beyond<T, components>(turned, chunk, columns, values_of);
                    }
                    accumulate<T, components>(stretched, count, space.table, columns, slopes_of);
                };
                if constexpr (fading) {
                    add_chunk(space.plain, space.slopes);
                    for (int c = 0; c < components; ++c)
                        for (int j = 0; j < count; ++j) {
                            turned[c][j] = chunk.w[j] * turned[c][j] + chunk.row[c][j] * fade_slope[j];
                            stretched[c][j] *= chunk.w[j];
                        }
                }
                add_chunk(values, slopes);
            }
            add_sums(values, slopes, result + group_of(form, type) * K);
        }
        if (fading) add_sums(space.plain, space.slopes, result);
    }
}

}  // namespace deepaw::DEEPAW_ISA
