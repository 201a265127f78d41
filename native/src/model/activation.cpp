#include "activation.h"

#include <cmath>
#include <cstdlib>
#include <map>

#include "error.h"

namespace deepaw {
namespace {

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

double silu(double z, double &slope) {
    const double s = sigmoid(z);
    slope = s * (1 + z * (1 - s));
    return z * s;
}

}  // namespace

Activation Activation::named(const std::string &name) {
    static const std::map<std::string, Kind> names = {
        {"none", Kind::linear},      {"linear", Kind::linear},   {"tanh", Kind::tanh},     {"relu", Kind::relu},
        {"relu6", Kind::relu6},      {"softplus", Kind::softplus}, {"sigmoid", Kind::sigmoid}, {"gelu", Kind::gelu},
        {"gelu_tf", Kind::gelu},     {"silu", Kind::silu}};
    Activation result;
    if (const auto found = names.find(name); found != names.end()) {
        result.kind = found->second;
        return result;
    }
    const size_t colon = name.find(':');
    const std::string kind = name.substr(0, colon);
    if (kind != "silut" && kind != "custom_silu") throw ModelError("there is no activation function " + name + ".");
    result.kind = Kind::silut;
    result.threshold = colon == std::string::npos ? 3.0 : std::atof(name.c_str() + colon + 1);
    return result;
}

double Activation::evaluate(double z, double &slope) const {
    switch (kind) {
        case Kind::tanh: {
            const double y = std::tanh(z);
            slope = 1 - y * y;
            return y;
        }
        case Kind::relu: slope = z > 0; return z > 0 ? z : 0;
        case Kind::relu6: slope = z > 0 && z < 6; return z < 0 ? 0 : z > 6 ? 6 : z;
        case Kind::softplus: slope = sigmoid(z); return z > 20 ? z : std::log1p(std::exp(z));
        case Kind::sigmoid: {
            const double y = sigmoid(z);
            slope = y * (1 - y);
            return y;
        }
        case Kind::gelu: {
            const double root = 0.79788456080286535588, cubic = 0.044715;  // sqrt(2 / pi)
            const double t = std::tanh(root * (z + cubic * z * z * z));
            slope = 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * root * (1 + 3 * cubic * z * z);
            return 0.5 * z * (1 + t);
        }
        case Kind::silu: return silu(z, slope);
        case Kind::silut: {
            if (z < threshold) return silu(z, slope);
            const double s = sigmoid(threshold), steep = s + threshold * s * (1 - s);
            const double t = std::tanh(steep * (z - threshold));
            slope = steep * (1 - t * t);
            return t + threshold * s;
        }
        default: slope = 1; return z;
    }
}

}  // namespace deepaw
