#include "fitting.h"

#include <algorithm>

#include "error.h"
#include "memory.h"

namespace deepaw {
template <class T>
FittingNet<T>::FittingNet(const ModelFile &file, const std::string &prefix, const std::vector<Json> &layers,
                          const std::vector<int64_t> &always_one) {
    const auto shape = file.shape(prefix + "features");
    if (layers.empty()) throw ModelError(file.path() + " has no layers; it was written damaged.");
    const int64_t all = shape[0], columns = shape[1];
    const std::vector<T> weights = file.read<T>(prefix + "features", all * columns);
    std::vector<T> kept;
    offset_.assign(size_t(columns), T(0));
    for (int64_t row = 0; row < all; ++row) {
        const T *from = weights.data() + row * columns;
        if (std::find(always_one.begin(), always_one.end(), row) == always_one.end())
            kept.insert(kept.end(), from, from + columns);
        else
            for (int64_t c = 0; c < columns; ++c) offset_[size_t(c)] += from[c];
    }
    const int64_t rows = all - int64_t(always_one.size());
    feature_weights_ = Matrix<T>(kept, rows, columns);
    feature_weights_transposed_ = Matrix<T>(transposed(kept, rows, columns), columns, rows);
    parameters_ = file.shape(prefix + "parameters")[0];
    if (parameters_)
        parameter_weights_ = Matrix<T>(file.read<T>(prefix + "parameters", parameters_ * columns), parameters_, columns);
    for (size_t number = 0; number < layers.size(); ++number) {
        const Json &settings = layers[number];
        const std::string name = prefix + "layer" + std::to_string(number);
        Layer layer;
        layer.activation = Activation::named(settings["activation"].text());
        layer.copies = int(settings["copies"].integer());
        layer.width = settings["width"].integer();
        if (number > 0) {
            const int64_t inputs = layers_.back().width;
            const std::vector<T> w = file.read<T>(name + ".w", inputs * layer.width);
            layer.w = Matrix<T>(w, inputs, layer.width);
            layer.w_transposed = Matrix<T>(transposed(w, inputs, layer.width), layer.width, inputs);
        }
        if (file.has(name + ".b")) layer.bias = file.read<T>(name + ".b", layer.width);
        if (file.has(name + ".idt")) layer.idt = file.read<T>(name + ".idt", layer.width);
        layers_.push_back(std::move(layer));
    }
    inputs_ = columns - layers_[0].width;
    if (inputs_ < 0 || (inputs_ > 0) != (layers_[0].copies > 0))
        throw ModelError(file.path() + " has a first layer that does not fit its description; it was written damaged.");
    no_type_offset_.assign(size_t(columns), T(0));
    for (size_t c = 0; c < layers_[0].bias.size(); ++c) {
        offset_[c] += layers_[0].bias[c];
        no_type_offset_[c] += layers_[0].bias[c];
    }
    layers_[0].bias.clear();
}

// values = activation(z + bias) idt, with x added to it; z: (count, width) in rows of `stride`.
template <class T>
void FittingNet<T>::activate(const Layer &layer, int64_t count, T *z, int64_t stride, const T *bias, const T *x,
                             int64_t x_stride, int64_t x_width, Buffer<T> &values, Buffer<T> &slopes) const {
    const int64_t width = layer.width;
    T *y = sized(values, count * width), *slope = sized(slopes, count * width);
    const T *idt = layer.idt.empty() ? nullptr : layer.idt.data();
    for (int64_t row = 0; row < count; ++row) {
        T *to = y + row * width, *slope_row = slope + row * width;
        if (to != z + row * stride) std::copy_n(z + row * stride, width, to);
        const T *added = layer.copies ? x + row * x_stride : nullptr;
        if (layer.activation.kind == Activation::Kind::tanh && layer.copies < 2) {
            kernels_for<T>().tanh_layer(width, bias, idt, added, to, slope_row);
            continue;
        }
        for (int64_t c = 0; c < width; ++c) {
            double slope_value = 1;
            const double value = layer.activation.evaluate(double(to[c] + (bias ? bias[c] : T(0))), slope_value);
            const T factor = idt ? idt[c] : T(1);
            to[c] = T(value) * factor + (added ? added[c % x_width] : T(0));
            slope_row[c] = T(slope_value) * factor;
        }
    }
}

template <class T>
const T *FittingNet<T>::forward(int64_t count, const T *features, const T *parameters, FittingSpace<T> &space) const {
    space.values.resize(layers_.size());
    space.slopes.resize(layers_.size());
    const int64_t columns = layers_[0].width + inputs_;
    T *zx = sized(space.first, count * columns);
    if (features)
        feature_weights_.multiply(count, features, feature_weights_.rows(), zx, columns, false, space.scratch);
    else
        std::fill_n(zx, count * columns, T(0));
    if (parameters_) parameter_weights_.multiply(count, parameters, parameters_, zx, columns, true, space.scratch);
    const T *offset = features ? offset_.data() : no_type_offset_.data();
    for (int64_t row = 0; row < count && inputs_ > 0; ++row)
        for (int64_t c = layers_[0].width; c < columns; ++c) zx[row * columns + c] += offset[c];
    activate(layers_[0], count, zx, columns, offset, zx + layers_[0].width, columns, inputs_, space.values[0],
             space.slopes[0]);
    for (size_t number = 1; number < layers_.size(); ++number) {
        const Layer &layer = layers_[number];
        const int64_t inputs = layers_[number - 1].width;
        const T *x = space.values[number - 1].data();
        T *z = sized(space.values[number], count * layer.width);
        layer.w.multiply(count, x, inputs, z, layer.width, false, space.scratch);
        activate(layer, count, z, layer.width, layer.bias.empty() ? nullptr : layer.bias.data(), x, inputs, inputs,
                 space.values[number], space.slopes[number]);
    }
    return space.values.back().data();
}

template <class T>
void FittingNet<T>::backward(int64_t count, const T *grad_outputs, T *grad_features, FittingSpace<T> &space) const {
    const int64_t outputs = layers_.back().width;
    std::copy_n(grad_outputs, count * outputs, sized(space.grad, count * outputs));
    for (size_t number = layers_.size() - 1; number > 0; --number) {
        const Layer &layer = layers_[number];
        const int64_t inputs = layers_[number - 1].width, width = layer.width;
        T *grad_z = sized(space.grad_z, count * width);
        const T *slope = space.slopes[number].data();
        for (int64_t i = 0; i < count * width; ++i) grad_z[i] = space.grad[size_t(i)] * slope[i];
        if (layer.copies == 2)
            for (int64_t row = 0; row < count; ++row)
                for (int64_t c = 0; c < inputs; ++c)  // in place: rows move to the front
                    space.grad[size_t(row * inputs + c)] =
                        space.grad[size_t(row * width + c)] + space.grad[size_t(row * width + inputs + c)];
        T *grad_x = sized(space.grad, count * inputs);
        layer.w_transposed.multiply(count, grad_z, width, grad_x, inputs, layer.copies > 0, space.scratch);
    }
    const int64_t width = layers_[0].width, columns = width + inputs_;
    T *grad_zx = sized(space.grad_z, count * columns);
    const T *slope = space.slopes[0].data(), *grad = space.grad.data();
    for (int64_t row = 0; row < count; ++row) {
        for (int64_t c = 0; c < width; ++c)
            grad_zx[row * columns + c] = grad[row * width + c] * slope[row * width + c];
        for (int64_t c = 0; c < inputs_; ++c) {
            T total = 0;
            for (int64_t copy = c; copy < width; copy += inputs_) total += grad[row * width + copy];
            grad_zx[row * columns + width + c] = total;
        }
    }
    feature_weights_transposed_.multiply(count, grad_zx, columns, grad_features, feature_weights_.rows(), false,
                                         space.scratch);
}

template class FittingNet<float>;
template class FittingNet<double>;

}  // namespace deepaw
