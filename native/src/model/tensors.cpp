// Dipoles and polarizabilities of atoms, with the derivatives of their sums.
#include "error.h"
#include "passes.h"

namespace deepaw {
namespace {

// Tensors of the centres of a tile from the outputs of the fitting net and the vectors that they weigh.
//
// With c the outputs and T the vectors (channels, 3), a dipole is c T, and a polarizability T^T P T with P = diag(c), or the
// symmetric part of the matrix c.
template <class T>
class TensorAssembly {
  public:
    TensorAssembly(const Description &description, int kind, int64_t channels, const T *outputs, const T *vectors)
        : description_(description), kind_(kind), channels_(channels), outputs_(outputs), vectors_(vectors) {}

    int64_t outputs() const {
        return description_.quantity == "polar" && !description_.fit_diag ? channels_ * channels_ : channels_;
    }

    // Tensor of one atom, (3) or (3, 3).
    void tensor(int64_t atom, double *result) const {
        const T *c = outputs_ + atom * outputs(), *v = vectors_ + 3 * atom * channels_;
        if (description_.quantity == "dipole") {
            for (int a = 0; a < 3; ++a) {
                double total = 0;
                for (int64_t m = 0; m < channels_; ++m) total += double(c[m] * v[a * channels_ + m]);
                result[a] = total;
            }
            return;
        }
        std::vector<T> turned;
        turn(atom, turned);
        const double scale = description_.scale[size_t(kind_)], shift = description_.shift[size_t(kind_)];
        for (int a = 0; a < 3; ++a)
            for (int b = 0; b < 3; ++b) {
                double total = 0;
                for (int64_t m = 0; m < channels_; ++m) total += double(v[a * channels_ + m] * turned[size_t(b * channels_ + m)]);
                result[3 * a + b] = scale * (total + (a == b ? shift : 0));
            }
    }

    // Derivatives of one component of the tensor in the outputs and in the vectors, (3, channels).
    void gradient(int64_t atom, int component, T *grad_outputs, T *grad_vectors) const {
        const T *c = outputs_ + atom * outputs(), *v = vectors_ + 3 * atom * channels_;
        std::fill_n(grad_outputs, outputs(), T(0));
        std::fill_n(grad_vectors, 3 * channels_, T(0));
        if (description_.quantity == "dipole") {
            for (int64_t m = 0; m < channels_; ++m) {
                grad_outputs[m] = v[component * channels_ + m];
                grad_vectors[component * channels_ + m] = c[m];
            }
            return;
        }
        const int a = component / 3, b = component % 3;
        const T scale = T(description_.scale[size_t(kind_)]), *va = v + a * channels_, *vb = v + b * channels_;
        std::vector<T> turned;
        turn(atom, turned);
        for (int64_t m = 0; m < channels_; ++m) {
            grad_vectors[a * channels_ + m] += scale * turned[size_t(b * channels_ + m)];
            grad_vectors[b * channels_ + m] += scale * turned[size_t(a * channels_ + m)];
        }
        if (description_.fit_diag)
            for (int64_t m = 0; m < channels_; ++m) grad_outputs[m] = scale * va[m] * vb[m];
        else
            for (int64_t m = 0; m < channels_; ++m)
                for (int64_t n = 0; n < channels_; ++n)
                    grad_outputs[m * channels_ + n] = scale * T(0.5) * (va[m] * vb[n] + va[n] * vb[m]);
    }

  private:
    // P T, (3, channels).
    void turn(int64_t atom, std::vector<T> &turned) const {
        const T *c = outputs_ + atom * outputs(), *v = vectors_ + 3 * atom * channels_;
        turned.assign(size_t(3 * channels_), T(0));
        for (int a = 0; a < 3; ++a)
            for (int64_t m = 0; m < channels_; ++m) {
                if (description_.fit_diag) {
                    turned[size_t(a * channels_ + m)] = c[m] * v[a * channels_ + m];
                    continue;
                }
                T total = 0;
                for (int64_t n = 0; n < channels_; ++n)
                    total += T(0.5) * (c[m * channels_ + n] + c[n * channels_ + m]) * v[a * channels_ + n];
                turned[size_t(a * channels_ + m)] = total;
            }
    }

    const Description &description_;
    const int kind_;
    const int64_t channels_;
    const T *outputs_, *vectors_;
};

// Vectors of all parts of the centres of a tile, (natoms, 3, vectors), from the rows of Q.
template <class T>
void fill_vectors(const Kind<T> &kind, int64_t natoms, const Workspace<T> &space, T *vectors) {
    const int64_t all = kind.vectors.back();
    for (size_t part = 0; part + 1 < kind.vectors.size(); ++part) {
        const int64_t first = kind.vectors[part], count = kind.vectors[part + 1] - first;
        for (int64_t atom = 0; atom < natoms && count > 0; ++atom)
            for (int64_t axis = 0; axis < 3; ++axis)
                std::copy_n(space.parts[part].Q.data() + (4 * atom + 1 + axis) * count, count,
                            vectors + (3 * atom + axis) * all + first);
    }
}

// to (rows, columns) = from (rows, inner) times M (inner, columns), or its transpose.
template <class T>
void small_product(int64_t rows, int64_t inner, int64_t columns, const T *from, const T *M, bool transposed, T *to) {
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t c = 0; c < columns; ++c) {
            T total = 0;
            for (int64_t k = 0; k < inner; ++k)
                total += from[row * inner + k] * (transposed ? M[c * inner + k] : M[k * columns + c]);
            to[row * columns + c] = total;
        }
}

}  // namespace

template <class T>
void PrecisionEvaluator<T>::evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                                     const deepaw_tensor_result &result) {
    const int size = description.tensor_size();
    if (!size)
        throw ModelError(description.path + " has a fitting net of energies, which gives no dipoles or polarizabilities.");
    const std::vector<T> all_parameters = normalised_parameters<T>(description, atoms);
    const bool differentiate = result.force || result.virial || result.atom_virial;
    std::vector<double> tensors(size_t(atoms.natoms * size), 0);
    const auto work = [&](const Form<T> &form, const Neighbourhood &neighbourhood, const Tile &tile, Workspace<T> &space) {
        const Kind<T> &kind = form.kinds[size_t(tile.kind)];
        TilePasses<T> passes(description, form, neighbourhood, space);
        passes.gather(tile);
        const int64_t natoms = space.table.natoms, all = kind.vectors.back(), channels = kind.channels;
        for (const Closest &closest : space.nearest) space.closest.add(closest);
        passes.forward(tile);
        const T *parameters = tile_parameters(neighbourhood, tile, all_parameters, space);
        const T *outputs = kind.net.forward(natoms, space.features.data(), parameters, space.fitting);
        std::vector<T> own(size_t(3 * natoms * all)), turned;
        fill_vectors(kind, natoms, space, own.data());
        if (!kind.directions.empty()) {
            turned.resize(size_t(3 * natoms * channels));
            small_product(3 * natoms, all, channels, own.data(), kind.directions.data(), false, turned.data());
        }
        const TensorAssembly<T> assembly(description, tile.kind, channels, outputs,
                                         turned.empty() ? own.data() : turned.data());
        if (kind.net.outputs() != assembly.outputs())
            throw ModelError(description.path + " has outputs that do not fit its vectors; it was written damaged.");
        for (int64_t atom = 0; atom < natoms; ++atom)
            assembly.tensor(atom, tensors.data() + neighbourhood.atom(tile.first + atom) * size);
        if (!differentiate) return;
        std::vector<T> grad_turned(turned.size());
        T *grad_vectors = sized(space.grad_vectors, 3 * natoms * all);
        T *grad_outputs = sized(space.grad_outputs, natoms * assembly.outputs());
        sized(space.grad_features, natoms * kind.offsets.back());
        for (int component = 0; component < size; ++component) {
            T *of_channels = turned.empty() ? grad_vectors : grad_turned.data();
            for (int64_t atom = 0; atom < natoms; ++atom)
                assembly.gradient(atom, component, grad_outputs + atom * assembly.outputs(),
                                  of_channels + 3 * atom * channels);
            if (!turned.empty())
                small_product(3 * natoms, channels, all, of_channels, kind.directions.data(), true, grad_vectors);
            kind.net.backward(natoms, grad_outputs, space.grad_features.data(), space.fitting);
            passes.backward(tile, grad_vectors);
            add_gradient(neighbourhood, tile, space, size_t(component));
        }
    };
    Workspaces workspaces = run_covered(atoms, list, threads, differentiate ? size : 0, result.atom_virial != nullptr, work);
    if (result.force) std::fill_n(result.force, 3 * atoms.natoms * size, 0.0);
    if (result.virial) std::fill_n(result.virial, 9 * size, 0.0);
    if (result.atom_virial) std::fill_n(result.atom_virial, 9 * atoms.natoms * size, 0.0);
    for (int c = 0; differentiate && c < size; ++c)
        add_sums(workspaces, size_t(c), atoms.natoms, result.force ? result.force + 3 * atoms.natoms * c : nullptr,
              result.virial ? result.virial + 9 * c : nullptr,
              result.atom_virial ? result.atom_virial + 9 * atoms.natoms * c : nullptr);
    give_back(workspaces);
    if (result.tensor) {
        std::fill_n(result.tensor, size, 0.0);
        for (size_t i = 0; i < tensors.size(); ++i) result.tensor[i % size_t(size)] += tensors[i];
    }
    if (result.atom_tensor) std::copy(tensors.begin(), tensors.end(), result.atom_tensor);
}

template void PrecisionEvaluator<float>::evaluate(const deepaw_atoms &, const deepaw_neighbour_list *, int,
                                                  const deepaw_tensor_result &);
template void PrecisionEvaluator<double>::evaluate(const deepaw_atoms &, const deepaw_neighbour_list *, int,
                                                   const deepaw_tensor_result &);

}  // namespace deepaw
