// Descriptors that embed one neighbour at a time: moments of the pair operator, projected, and products of columns.
#include <algorithm>

#include "error.h"
#include "memory.h"
#include "part.h"

namespace deepaw {
namespace {

// Settings of the pair operator with the arrays that it points to.
struct OwnedForm {
    deepaw_pair_form form;
    std::vector<double> mean, scale, slots, empty, hidden;
    std::vector<uint8_t> excluded;

    OwnedForm(const ModelFile &file, const std::string &prefix, const Json &settings, int ntypes) {
        form.ntypes = ntypes;
        form.components = int32_t(settings["components"].integer());
        form.polynomials = int32_t(settings["polynomials"].integer());
        form.fading = settings["fading"].boolean();
        form.fixed_slots = settings["fixed_slots"].boolean();
        form.rcut = settings["rcut"].number();
        form.rcut_smth = settings["rcut_smth"].number();
        form.protection = settings["protection"].number();
        form.high = settings["high"].number();
        const int64_t rows = int64_t(ntypes) * form.components;
        mean = file.read<double>(prefix + "mean", rows);
        scale = file.read<double>(prefix + "scale", rows);
        slots = file.read<double>(prefix + "slots", ntypes);
        empty = file.read<double>(prefix + "empty", rows * form.polynomials);
        hidden = file.read<double>(prefix + "hidden", rows * form.polynomials);
        excluded = file.read<uint8_t>(prefix + "excluded", int64_t(ntypes) * ntypes);
        form.mean = mean.data();
        form.scale = scale.data();
        form.slots = slots.data();
        form.empty = empty.data();
        form.hidden = hidden.data();
        form.excluded = excluded.data();
    }
    OwnedForm(const OwnedForm &) = delete;
    OwnedForm &operator=(const OwnedForm &) = delete;
};

template <class T>
class PairPart : public Part<T> {
  public:
    PairPart(const ModelFile &file, const std::string &form, int number, const Json &settings,
             const std::vector<Json> &kinds, int ntypes)
        : owned_(file, form + "part" + std::to_string(number) + ".", settings, ntypes) {
        const auto &pairs = owned_.form;
        moments_ = int64_t(pairs.fading ? ntypes + 1 : ntypes) * pairs.polynomials;
        for (size_t kind = 0; kind < kinds.size(); ++kind) {
            const Json &of_kind = kinds[kind]["parts"][size_t(number)];
            const std::string name =
                form + "kind" + std::to_string(kind) + ".part" + std::to_string(number) + ".project";
            const auto shape = file.shape(name);
            if (shape[0] != moments_)
                throw ModelError(file.path() + " has a tensor " + name + " that does not fit; it was written damaged.");
            Kind entry;
            entry.functions = shape[1];
            entry.axes = of_kind["axes"].integer();
            entry.vectors = of_kind["vectors"].boolean();
            const std::vector<T> project = file.read<T>(name);
            entry.project = Matrix<T>(project, moments_, entry.functions);
            entry.project_transposed = Matrix<T>(transposed(project, moments_, entry.functions), entry.functions, moments_);
            kinds_.push_back(std::move(entry));
        }
    }

    int64_t features(int kind) const override {
        const Kind &entry = kinds_[size_t(kind)];
        return entry.axes ? products_of(entry.functions, entry.axes) : owned_.form.components * entry.functions;
    }

    int64_t functions(int kind) const override {
        return kinds_[size_t(kind)].vectors ? kinds_[size_t(kind)].functions : 0;
    }

    void forward(int kind, const Table<T> &table, T *features, int64_t stride, PartSpace<T> &space) const override {
        const Kind &entry = kinds_[size_t(kind)];
        const int components = owned_.form.components;
        const int64_t rows = table.natoms * components, r = entry.functions;
        T *B = sized(space.moments, rows * moments_), *Q = sized(space.Q, rows * r);
        kernels_for<T>().forward(owned_.form, table.view(), B, sized(space.scratch, scratch_size(owned_.form)));
        entry.project.multiply(rows, B, moments_, Q, r, false, space.packed);
        if (entry.axes)
            kernels_for<T>().products_forward(table.natoms, components, int(r), int(entry.axes), Q, features, stride);
        else
            for (int64_t atom = 0; atom < table.natoms; ++atom)
                std::copy_n(Q + atom * components * r, components * r, features + atom * stride);
    }

    void backward(int kind, const Table<T> &table, const T *grad_features, int64_t stride, const T *grad_vectors,
                  T *grad_vector, bool add, PartSpace<T> &space) const override {
        const Kind &entry = kinds_[size_t(kind)];
        const int components = owned_.form.components;
        const int64_t rows = table.natoms * components, r = entry.functions;
        T *grad_Q = sized(space.grad_Q, rows * r), *grad_B = sized(space.grad_moments, rows * moments_);
        if (entry.axes)
            kernels_for<T>().products_backward(table.natoms, components, int(r), int(entry.axes), space.Q.data(),
                                               grad_features, stride, grad_Q);
        else
            for (int64_t atom = 0; atom < table.natoms; ++atom)
                std::copy_n(grad_features + atom * stride, components * r, grad_Q + atom * components * r);
        if (grad_vectors)
            for (int64_t atom = 0; atom < table.natoms; ++atom)
                for (int64_t i = 0; i < 3 * r; ++i) grad_Q[(4 * atom + 1) * r + i] += grad_vectors[3 * r * atom + i];
        entry.project_transposed.multiply(rows, grad_Q, r, grad_B, moments_, false, space.packed);
        kernels_for<T>().vjp(owned_.form, table.view(), grad_B, grad_vector, table.stride, add,
                             sized(space.scratch, scratch_size(owned_.form)));
    }

  private:
    struct Kind {
        int64_t functions = 0, axes = 0;
        bool vectors = false;
        Matrix<T> project, project_transposed;
    };

    OwnedForm owned_;
    int64_t moments_ = 0;
    std::vector<Kind> kinds_;
};

}  // namespace

template <class T>
std::unique_ptr<Part<T>> read_pair_part(const ModelFile &file, const std::string &form, int number, const Json &settings,
                                        const std::vector<Json> &kinds, int ntypes) {
    return std::make_unique<PairPart<T>>(file, form, number, settings, kinds, ntypes);
}

template std::unique_ptr<Part<float>> read_pair_part(const ModelFile &, const std::string &, int, const Json &,
                                                     const std::vector<Json> &, int);
template std::unique_ptr<Part<double>> read_pair_part(const ModelFile &, const std::string &, int, const Json &,
                                                      const std::vector<Json> &, int);

}  // namespace deepaw
