// What the distance of a neighbour says: the switch function, the rows R of a descriptor and their derivatives.
#pragma once

#include <cmath>

#include "deepaw_native.h"
#include "simd.h"

namespace deepaw::DEEPAW_ISA {

constexpr int CHUNK = 64;  // neighbours of an atom that are worked on together: their polynomials stay in the first cache

// Settings of a pair form for centres of one type, in the numbers that are computed with.
template <class T>
struct Settings {
    T rcut, rcut_smth, inverse_width, protection, to_basis;
    T mean[4], scale[4];

    Settings(const deepaw_pair_form &form, int64_t kind) {
        rcut = T(form.rcut);
        rcut_smth = T(form.rcut_smth);
        inverse_width = T(1 / (form.rcut - form.rcut_smth));
        protection = T(form.protection);
        to_basis = T(2 / form.high);
        for (int c = 0; c < form.components; ++c) {
            mean[c] = T(form.mean[kind * form.components + c]);
            scale[c] = T(form.scale[kind * form.components + c]);
        }
    }
};

// Neighbours of one atom and type, in columns.
//
// unit: r / |r|. s = w / (r + protection), slope = ds/dr, ratio h = s / (r + protection), bend = r dh/dr; w, w_slope: the
// switch function and dw/dr. q: s on [-1, 1], cut at 1; beyond: how far it was above. row: R, 0 in padding.
template <class T>
struct Chunk {
    alignas(64) T unit[3][CHUNK], row[4][CHUNK];
    alignas(64) T slope[CHUNK], ratio[CHUNK], bend[CHUNK], w[CHUNK], w_slope[CHUNK], q[CHUNK], beyond[CHUNK];
    int count, padded;
    bool has_beyond;
};

// vector: (3, stride), from the first of `count` neighbours on.
template <class T, int components>
void fill_chunk(const Settings<T> &settings, const T *vector, int64_t stride, int count, Chunk<T> &chunk) {
    constexpr int width = Simd<T>::width;
    const int padded = (count + width - 1) / width * width;
    alignas(64) T position[3][CHUNK], inside[CHUNK];
    for (int axis = 0; axis < 3; ++axis) {
        for (int j = 0; j < count; ++j) position[axis][j] = vector[axis * stride + j];
        for (int j = count; j < padded; ++j) position[axis][j] = axis == 0 ? 2 * settings.rcut : T(0);
    }
    for (int j = 0; j < padded; ++j) inside[j] = j < count ? T(1) : T(0);
    T most = 0;
    const Settings<T> p = settings;
    for (int j = 0; j < padded; ++j) {
        const T x = position[0][j], y = position[1][j], z = position[2][j];
        const T r = std::sqrt(x * x + y * y + z * z);
        const T inverse = 1 / r;
        const T reach = p.protection == 0 ? inverse : 1 / (r + p.protection);
        T u = (r - p.rcut_smth) * p.inverse_width;
        u = u < 0 ? T(0) : u;
        u = u > 1 ? T(1) : u;
        const T w = u * u * u * (u * (15 - 6 * u) - 10) + 1;
        const T v = u * (u - 1);
        const T dw = -30 * p.inverse_width * v * v;
        const T s = w * reach, h = s * reach;
        chunk.unit[0][j] = x * inverse;
        chunk.unit[1][j] = y * inverse;
        chunk.unit[2][j] = z * inverse;
        chunk.slope[j] = dw * reach - h;
        chunk.ratio[j] = h;
        chunk.bend[j] = r * (dw * reach * reach - 2 * h * reach);
        chunk.w[j] = w;
        chunk.w_slope[j] = dw;
        const T q = s * p.to_basis - 1;
        const T cut = q > 1 ? T(1) : q;
        chunk.q[j] = cut;
        chunk.beyond[j] = q - cut;
        if constexpr (components == 1) {
            chunk.row[0][j] = inside[j];
        } else {
            chunk.row[0][j] = (s - p.mean[0]) * p.scale[0] * inside[j];
            chunk.row[1][j] = (x * h - p.mean[1]) * p.scale[1] * inside[j];
            chunk.row[2][j] = (y * h - p.mean[2]) * p.scale[2] * inside[j];
            chunk.row[3][j] = (z * h - p.mean[3]) * p.scale[3] * inside[j];
        }
    }
    for (int j = 0; j < padded; ++j) most = chunk.beyond[j] > most ? chunk.beyond[j] : most;
    chunk.count = count;
    chunk.padded = padded;
    chunk.has_beyond = most > 0;
}

}  // namespace deepaw::DEEPAW_ISA
