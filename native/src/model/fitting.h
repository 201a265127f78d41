// Fitting net of one type of atom whose first layer reads folded features: outputs, and gradients of the features.
#pragma once

#include <string>
#include <vector>

#include "activation.h"
#include "matrix.h"
#include "modelfile.h"

namespace deepaw {

// Memory of a fitting net while a tile of atoms is evaluated.
template <class T>
struct FittingSpace {
    std::vector<Buffer<T>> values, slopes;  // of each layer
    Buffer<T> grad, grad_z, first, scratch;
};

template <class T>
class FittingNet {
  public:
    // file, prefix: where the tensors of this type are. layers: their settings. features: number of features, without those
    // that are always 1; always_one: positions of the latter among all features.
    FittingNet(const ModelFile &file, const std::string &prefix, const std::vector<Json> &layers,
               const std::vector<int64_t> &always_one);

    int64_t features() const { return feature_weights_.rows(); }
    int64_t parameters() const { return parameters_; }
    int64_t outputs() const { return layers_.back().width; }

    // Outputs (count, outputs), which stay in `space`. features: (count, features()), or NULL for a descriptor of 0, also
    // of the type. parameters: (count, parameters()).
    const T *forward(int64_t count, const T *features, const T *parameters, FittingSpace<T> &space) const;

    // grad_features: (count, features()), from grad_outputs (count, outputs), after `forward`.
    void backward(int64_t count, const T *grad_outputs, T *grad_features, FittingSpace<T> &space) const;

  private:
    struct Layer {
        Activation activation;
        int64_t width = 0;
        int copies = 0;  // how often the input is added to the output: 0, 1 or, side by side, 2
        Matrix<T> w, w_transposed;
        std::vector<T> bias, idt;
    };

    void activate(const Layer &layer, int64_t count, T *z, int64_t stride, const T *bias, const T *x, int64_t x_stride,
                  int64_t x_width, Buffer<T> &values, Buffer<T> &slopes) const;

    Matrix<T> feature_weights_, feature_weights_transposed_, parameter_weights_;
    std::vector<T> offset_, no_type_offset_;  // added to the product of the features; without that of the type
    int64_t parameters_ = 0, inputs_ = 0;     // inputs_: columns of the product beyond the first layer's width, its x
    std::vector<Layer> layers_;
};

}  // namespace deepaw
