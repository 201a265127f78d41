// Energies of atoms with forces and virials.
#include "error.h"
#include "passes.h"
#include "shortrange.h"

namespace deepaw {
namespace {

// Energies of the centres of a tile, in space.energy, from the outputs of the fitting net.
template <class T>
void fill_energies(const Description &description, const Kind<T> &kind, const Tile &tile, int64_t natoms,
                   const T *parameters, const T *outputs, Workspace<T> &space) {
    space.energy.resize(size_t(natoms));
    for (int64_t atom = 0; atom < natoms; ++atom)
        space.energy[size_t(atom)] = double(outputs[atom]) + description.bias[size_t(tile.kind)];
    if (!kind.isolated) return;
    FittingSpace<T> fitting;
    const T *isolated = kind.net.forward(parameters ? natoms : 1, nullptr, parameters, fitting);
    for (int64_t atom = 0; atom < natoms; ++atom) space.energy[size_t(atom)] -= double(isolated[parameters ? atom : 0]);
}

}  // namespace

template <class T>
void PrecisionEvaluator<T>::evaluate_tile(const Form<T> &form, const Neighbourhood &neighbourhood, const Tile &tile,
                                          const std::vector<T> &all_parameters, bool differentiate, Workspace<T> &space,
                                          double *energies) const {
    const Kind<T> &kind = form.kinds[size_t(tile.kind)];
    TilePasses<T> passes(description, form, neighbourhood, space);
    passes.gather(tile);
    const int64_t natoms = space.table.natoms;
    Mixture mixture(description.table, description.ntypes());
    if (description.has_table) {
        neighbourhood.gather(tile.first, tile.last, space.wide, space.nearest, space.gather);
        mixture.compute(space.wide);
    }
    for (int64_t atom = 0; atom < natoms; ++atom)  // networks do not count where the weight of the table is 1
        if (!description.has_table || mixture.weight()[size_t(atom)] < 1) space.closest.add(space.nearest[size_t(atom)]);
    passes.forward(tile);
    const T *parameters = tile_parameters(neighbourhood, tile, all_parameters, space);
    const T *outputs = kind.net.forward(natoms, space.features.data(), parameters, space.fitting);
    fill_energies(description, kind, tile, natoms, parameters, outputs, space);
    if (description.has_table) mixture.blend(space.wide, space.energy.data(), space.wide_gradient);
    for (int64_t atom = 0; atom < natoms; ++atom)
        energies[neighbourhood.atom(tile.first + atom)] = space.energy[size_t(atom)];
    if (!differentiate) return;
    T *grad_outputs = sized(space.grad_outputs, natoms);
    for (int64_t atom = 0; atom < natoms; ++atom)
        grad_outputs[atom] = description.has_table ? T(1 - mixture.weight()[size_t(atom)]) : T(1);
    kind.net.backward(natoms, grad_outputs, sized(space.grad_features, natoms * kind.offsets.back()), space.fitting);
    passes.backward(tile, nullptr);
    if (description.has_table)
        for (int64_t axis = 0; axis < 3; ++axis)
            for (int64_t pair = 0; pair < space.table.pairs(); ++pair)
                space.grad_vector[size_t(axis * space.table.stride + pair)] +=
                    T(space.wide_gradient[size_t(axis * space.wide.stride + pair)]);
    add_gradient(neighbourhood, tile, space, 0);
}

template <class T>
void PrecisionEvaluator<T>::evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                                     const deepaw_energy_result &result) {
    if (description.tensor_size())
        throw ModelError(description.path + " has a fitting net of type " + description.quantity +
                         ", which gives no energies and forces.");
    const std::vector<T> parameters = normalised_parameters<T>(description, atoms);
    const bool differentiate = result.force || result.virial || result.atom_virial;
    std::vector<double> energies(size_t(atoms.natoms), 0);
    const auto work = [&](const Form<T> &form, const Neighbourhood &neighbourhood, const Tile &tile, Workspace<T> &space) {
        evaluate_tile(form, neighbourhood, tile, parameters, differentiate, space, energies.data());
    };
    Workspaces workspaces = run_covered(atoms, list, threads, differentiate, result.atom_virial != nullptr, work);
    if (result.force) std::fill_n(result.force, 3 * atoms.natoms, 0.0);
    if (result.virial) std::fill_n(result.virial, 9, 0.0);
    if (result.atom_virial) std::fill_n(result.atom_virial, 9 * atoms.natoms, 0.0);
    if (differentiate) add_sums(workspaces, 0, atoms.natoms, result.force, result.virial, result.atom_virial);
    give_back(workspaces);
    if (result.energy) {
        *result.energy = 0;
        for (const double energy : energies) *result.energy += energy;
    }
    if (result.atom_energy) std::copy(energies.begin(), energies.end(), result.atom_energy);
}

template <class T>
void PrecisionEvaluator<T>::evaluate_sorted(const deepaw_list *list, int64_t natoms, const int32_t *types,
                                            const double *parameters, int64_t first, int64_t last, int threads,
                                            const deepaw_energy_result &result) {
    const int64_t width = description.nfparam() + description.naparam();
    const std::vector<T> all_parameters(parameters, parameters + (parameters ? natoms * width : 0));
    const Neighbourhood neighbourhood(list, natoms, types, description.visibility);
    const auto work = [&](const Form<T> &form, const Neighbourhood &neighbours, const Tile &tile, Workspace<T> &space) {
        evaluate_tile(form, neighbours, tile, all_parameters, true, space, result.atom_energy);
    };
    const Request request{neighbourhood, natoms, first, last, threads, 1, result.atom_virial != nullptr};
    Workspaces workspaces = run(request, forms_.front(), work);
    add_sums(workspaces, 0, natoms, result.force, result.virial, result.atom_virial);
    give_back(workspaces);
}

template void PrecisionEvaluator<float>::evaluate(const deepaw_atoms &, const deepaw_neighbour_list *, int,
                                                  const deepaw_energy_result &);
template void PrecisionEvaluator<double>::evaluate(const deepaw_atoms &, const deepaw_neighbour_list *, int,
                                                   const deepaw_energy_result &);
template void PrecisionEvaluator<float>::evaluate_sorted(const deepaw_list *, int64_t, const int32_t *, const double *,
                                                         int64_t, int64_t, int, const deepaw_energy_result &);
template void PrecisionEvaluator<double>::evaluate_sorted(const deepaw_list *, int64_t, const int32_t *, const double *,
                                                          int64_t, int64_t, int, const deepaw_energy_result &);

}  // namespace deepaw
