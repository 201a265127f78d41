// Vectors of the width that a translation unit is compiled for (DEEPAW_VECTOR_BYTES), as the compiler's own vector types.
//
// Everything here is in a namespace named after the instruction set, DEEPAW_ISA: the same templates compiled for another
// set are other functions. Units compiled for a set use no templates of the standard library, whose copies the linker
// would merge.
#pragma once

#include <cstdint>
#include <utility>

#if defined(__clang__)
#define DEEPAW_UNROLL _Pragma("unroll")
#else
#define DEEPAW_UNROLL _Pragma("GCC unroll 32")
#endif

#define DEEPAW_INLINE inline __attribute__((always_inline))

namespace deepaw::DEEPAW_ISA {

template <class T>
struct Simd {
    static constexpr int width = DEEPAW_VECTOR_BYTES / sizeof(T);
    typedef T Vector __attribute__((vector_size(DEEPAW_VECTOR_BYTES)));
    // loads and stores of any alignment
    typedef T Unaligned __attribute__((vector_size(DEEPAW_VECTOR_BYTES), aligned(sizeof(T)), may_alias));
};

template <class T>
using Vector = typename Simd<T>::Vector;

template <class T>
DEEPAW_INLINE Vector<T> load(const T *from) {
    return *reinterpret_cast<const typename Simd<T>::Unaligned *>(from);
}

template <class T>
DEEPAW_INLINE void store(T *to, Vector<T> value) {
    *reinterpret_cast<typename Simd<T>::Unaligned *>(to) = value;
}

#if defined(__clang__) || __GNUC__ >= 12
template <class T, int... lanes>
DEEPAW_INLINE Vector<T> shuffle(Vector<T> a, Vector<T> b) {
    return __builtin_shufflevector(a, b, lanes...);
}
#else
template <class T>
struct Lanes;
template <>
struct Lanes<double> {
    typedef int64_t Vector __attribute__((vector_size(DEEPAW_VECTOR_BYTES)));
};
template <>
struct Lanes<float> {
    typedef int32_t Vector __attribute__((vector_size(DEEPAW_VECTOR_BYTES)));
};
template <class T, int... lanes>
DEEPAW_INLINE Vector<T> shuffle(Vector<T> a, Vector<T> b) {
    return __builtin_shuffle(a, b, typename Lanes<T>::Vector{lanes...});
}
#endif

// Exchange of the blocks of `step` x `step` beside the diagonal: a stage of a transposition.
template <class T, int step, int... lane>
DEEPAW_INLINE void exchange(Vector<T> &a, Vector<T> &b, std::integer_sequence<int, lane...>) {
    constexpr int width = Simd<T>::width;
    const Vector<T> first = shuffle<T, ((lane & step) ? width + lane - step : lane)...>(a, b);
    const Vector<T> second = shuffle<T, ((lane & step) ? width + lane : lane + step)...>(a, b);
    a = first;
    b = second;
}

template <class T, int step = 1>
DEEPAW_INLINE void transpose(Vector<T> *rows) {
    constexpr int width = Simd<T>::width;
    if constexpr (step < width) {
        DEEPAW_UNROLL
        for (int row = 0; row < width; ++row)
            if (!(row & step)) exchange<T, step>(rows[row], rows[row + step], std::make_integer_sequence<int, width>{});
        transpose<T, 2 * step>(rows);
    }
}

// (first, a[width - 1], ..., a[1])
template <class T, int... lane>
DEEPAW_INLINE Vector<T> reversed_after(Vector<T> first, Vector<T> a, std::integer_sequence<int, lane...>) {
    constexpr int width = Simd<T>::width;
    return shuffle<T, (lane == 0 ? 0 : 2 * width - lane)...>(first, a);
}

// Lanes moved down by `step`; what comes in above is any.
template <class T, int step, int... lane>
DEEPAW_INLINE Vector<T> moved_down(Vector<T> a, std::integer_sequence<int, lane...>) {
    return shuffle<T, ((lane + step) % Simd<T>::width)...>(a, a);
}

// Sum of all lanes, by halves.
template <class T, int step = Simd<T>::width / 2>
DEEPAW_INLINE T sum(Vector<T> value) {
    if constexpr (step == 0)
        return value[0];
    else
        return sum<T, step / 2>(value + moved_down<T, step>(value, std::make_integer_sequence<int, Simd<T>::width>{}));
}

}  // namespace deepaw::DEEPAW_ISA
