// Which of some points are within a distance of another one.
#pragma once

#include <cstdint>

#if defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

namespace deepaw::DEEPAW_ISA {

// Append to `hits` the indices first ... last - 1 of points (x, y, z) with a squared distance to `centre` of at most
// `squared`, and return the end; there has to be room for all of them and 8 more.
#if defined(__AVX512F__) && defined(__AVX512VL__)
inline int32_t *find_nearby(const double *x, const double *y, const double *z, int64_t first, int64_t last,
                            const double *centre, double squared, int32_t *hits) {
    // the compiler does not find the instruction that moves chosen lanes together by itself
    const __m512d cx = _mm512_set1_pd(centre[0]), cy = _mm512_set1_pd(centre[1]), cz = _mm512_set1_pd(centre[2]);
    const __m512d limit = _mm512_set1_pd(squared);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int64_t point = first; point < last; point += 8) {
        const __mmask8 there = last - point >= 8 ? 0xff : __mmask8((1u << (last - point)) - 1);
        const __m512d dx = _mm512_sub_pd(_mm512_maskz_loadu_pd(there, x + point), cx);
        const __m512d dy = _mm512_sub_pd(_mm512_maskz_loadu_pd(there, y + point), cy);
        const __m512d dz = _mm512_sub_pd(_mm512_maskz_loadu_pd(there, z + point), cz);
        const __m512d distance = _mm512_fmadd_pd(dx, dx, _mm512_fmadd_pd(dy, dy, _mm512_mul_pd(dz, dz)));
        const __mmask8 near = _mm512_mask_cmp_pd_mask(there, distance, limit, _CMP_LE_OQ);
        const __m256i index = _mm256_add_epi32(_mm256_set1_epi32(int32_t(point)), lanes);
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(hits), _mm256_maskz_compress_epi32(near, index));
        hits += __builtin_popcount(near);
    }
    return hits;
}
#else
inline int32_t *find_nearby(const double *x, const double *y, const double *z, int64_t first, int64_t last,
                            const double *centre, double squared, int32_t *hits) {
    constexpr int BLOCK = 64;
    double distance[BLOCK];
    for (int64_t block = first; block < last; block += BLOCK) {
        const int size = int(last - block < BLOCK ? last - block : BLOCK);
        for (int c = 0; c < size; ++c) {
            const double dx = x[block + c] - centre[0], dy = y[block + c] - centre[1], dz = z[block + c] - centre[2];
            distance[c] = dx * dx + dy * dy + dz * dz;
        }
        for (int c = 0; c < size; ++c) {
            *hits = int32_t(block + c);
            hits += distance[c] <= squared;
        }
    }
    return hits;
}
#endif

}  // namespace deepaw::DEEPAW_ISA
