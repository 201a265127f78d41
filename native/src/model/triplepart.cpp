// Descriptors of three atoms: moments of dot products, times the coefficients of the embedding nets.
#include "error.h"
#include "memory.h"
#include "part.h"

namespace deepaw {
namespace {

template <class T>
class TriplePart : public Part<T> {
  public:
    TriplePart(const ModelFile &file, const std::string &form, int number, const Json &settings, int ntypes) {
        const std::string prefix = form + "part" + std::to_string(number) + ".";
        if (settings["columns"].integer() != TRIPLE_COLUMNS)
            throw ModelError(file.path() + " has a basis of dot products of another size; update libdeepaw.");
        scale_ = file.read<double>(prefix + "scale", 3 * ntypes);
        excluded_ = file.read<uint8_t>(prefix + "excluded", int64_t(ntypes) * ntypes);
        form_ = {ntypes,
                 int32_t(settings["rows"].integer()),
                 settings["rcut"].number(),
                 settings["rcut_smth"].number(),
                 settings["protection"].number(),
                 settings["reach"].number(),
                 scale_.data(),
                 excluded_.data()};
        const int64_t size = int64_t(form_.rows) * TRIPLE_COLUMNS, pairs = int64_t(ntypes) * (ntypes + 1) / 2;
        moments_ = pairs * size;
        width_ = file.shape(prefix + "coefficients")[1];
        const std::vector<double> C = file.read<double>(prefix + "coefficients", moments_ * width_);
        const std::vector<double> derivative = file.read<double>(prefix + "derivative", size * size);
        // gradient of the moments, then d/dv of what they are worth: one matrix
        std::vector<T> gradient(size_t(width_ * moments_), T(0));
        for (int64_t pair = 0; pair < pairs; ++pair)
            for (int64_t m = 0; m < width_; ++m)
                for (int64_t column = 0; column < size; ++column) {
                    double total = 0;
                    for (int64_t k = 0; k < size; ++k)
                        total += C[size_t((pair * size + k) * width_ + m)] * derivative[size_t(k * size + column)];
                    gradient[size_t(m * moments_ + pair * size + column)] = T(total);
                }
        coefficients_ = Matrix<T>(std::vector<T>(C.begin(), C.end()), moments_, width_);
        gradient_ = Matrix<T>(gradient, width_, moments_);
    }

    int64_t features(int) const override { return width_; }
    int64_t functions(int) const override { return 0; }

    void forward(int, const Table<T> &table, T *features, int64_t stride, PartSpace<T> &space) const override {
        T *S = sized(space.moments, table.natoms * moments_);
        kernels_for<T>().triples_forward(form_, table.view(), S, sized(space.scratch, ROWS * table.pairs() + 1));
        coefficients_.multiply(table.natoms, S, moments_, features, stride, false, space.packed);
    }

    void backward(int, const Table<T> &table, const T *grad_features, int64_t stride, const T *, T *grad_vector, bool add,
                  PartSpace<T> &space) const override {
        T *g = sized(space.grad_moments, table.natoms * moments_);
        gradient_.multiply(table.natoms, grad_features, stride, g, moments_, false, space.packed);
        kernels_for<T>().triples_backward(form_, table.view(), g, grad_vector, table.stride, add,
                                          sized(space.scratch, ROWS * table.pairs() + 1));
    }

  private:
    static constexpr int64_t ROWS = 11;  // numbers that are kept of a neighbour

    TripleForm form_;
    std::vector<double> scale_;
    std::vector<uint8_t> excluded_;
    int64_t moments_ = 0, width_ = 0;
    Matrix<T> coefficients_, gradient_;
};

}  // namespace

template <class T>
std::unique_ptr<Part<T>> read_triple_part(const ModelFile &file, const std::string &form, int number,
                                          const Json &settings, int ntypes) {
    return std::make_unique<TriplePart<T>>(file, form, number, settings, ntypes);
}

template std::unique_ptr<Part<float>> read_triple_part(const ModelFile &, const std::string &, int, const Json &, int);
template std::unique_ptr<Part<double>> read_triple_part(const ModelFile &, const std::string &, int, const Json &, int);

}  // namespace deepaw
