// A layer y = tanh(z) idt + x of a network, with its slope dy/dz without the term x.
#pragma once

#include "activation.h"

namespace deepaw::DEEPAW_ISA {

// z: (count), overwritten by y. bias, idt, x: (count) or NULL.
template <class T>
void tanh_layer(int64_t count, const T *bias, const T *idt, const T *x, T *z, T *slope) {
    if (bias)
        for (int64_t i = 0; i < count; ++i) z[i] += bias[i];
    fill_tanh<T>(count, z, z, slope, nullptr);
    if (idt)
        for (int64_t i = 0; i < count; ++i) {
            z[i] *= idt[i];
            slope[i] *= idt[i];
        }
    if (x)
        for (int64_t i = 0; i < count; ++i) z[i] += x[i];
}

}  // namespace deepaw::DEEPAW_ISA
