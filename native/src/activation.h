// The hyperbolic tangent with its derivatives, to within a few units of the last digit of 1.
#pragma once

#include <cstring>

#include "simd.h"

namespace deepaw::DEEPAW_ISA {

template <class T>
struct Exponential;

// exp(x) = 2^n exp(r), |r| <= ln 2 / 2, by the Taylor polynomial of exp(r).
template <>
struct Exponential<double> {
    typedef int64_t Bits;
    static constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to a whole number
    static constexpr double high = 6.93147180369123816490e-01, low = 1.90821492927058770002e-10;
    static constexpr int mantissa = 52, terms = 13;
    static constexpr double largest = 40;  // tanh is 1 beyond half of it
};

template <>
struct Exponential<float> {
    typedef int32_t Bits;
    static constexpr float shift = 12582912.0f;
    static constexpr float high = 0.693359375f, low = -2.12194440e-4f;
    static constexpr int mantissa = 23, terms = 7;
    static constexpr float largest = 20;
};

template <class T>
DEEPAW_INLINE T exponential(T x) {
    using E = Exponential<T>;
    const T shifted = x * T(1.4426950408889634074) + E::shift;
    const T n = shifted - E::shift;
    const T r = (x - n * E::high) - n * E::low;
    T result = T(1), factorial = T(1);
    T inverse[E::terms + 1];
    inverse[0] = 1;
    for (int k = 1; k <= E::terms; ++k) {
        factorial *= T(k);
        inverse[k] = T(1) / factorial;
    }
    result = inverse[E::terms];
    DEEPAW_UNROLL
    for (int k = E::terms - 1; k >= 0; --k) result = result * r + inverse[k];
    typename E::Bits bits, scale_bits;
    std::memcpy(&bits, &shifted, sizeof(T));
    std::memcpy(&scale_bits, &E::shift, sizeof(T));
    bits = (bits - scale_bits) << E::mantissa;
    std::memcpy(&scale_bits, &result, sizeof(T));
    scale_bits += bits;
    std::memcpy(&result, &scale_bits, sizeof(T));
    return result;
}

// tanh z = 1 - 2 / (exp(2 |z|) + 1), with the sign of z.
template <class T>
void fill_tanh(int64_t count, const T *z, T *value, T *first, T *second) {
    for (int64_t i = 0; i < count; ++i) {
        const T x = z[i];
        T twice = 2 * (x < 0 ? -x : x);
        twice = twice > Exponential<T>::largest ? Exponential<T>::largest : twice;
        const T y = 1 - 2 / (exponential(twice) + 1);
        const T signed_y = x < 0 ? -y : y;
        const T slope = 1 - y * y;
        value[i] = x != x ? x : signed_y;
        first[i] = slope;
    }
    if (second)
        for (int64_t i = 0; i < count; ++i) second[i] = -2 * value[i] * first[i];
}

}  // namespace deepaw::DEEPAW_ISA
