// Activation functions by the names of DeePMD-kit, with their derivatives.
#pragma once

#include <string>

namespace deepaw {

struct Activation {
    enum class Kind { linear, tanh, relu, relu6, softplus, sigmoid, gelu, silu, silut };

    Kind kind = Kind::linear;
    double threshold = 0;  // of silut

    // Throws ModelError: no activation function of this name.
    static Activation named(const std::string &name);

    // Value at z, and the derivative there.
    double evaluate(double z, double &slope) const;
};

}  // namespace deepaw
