#include "passes.h"

#include <cmath>

#include "../pairforces.h"
#include "error.h"

namespace deepaw {
namespace {

constexpr double COINCIDENT = 1e-6;  // A; atoms nearer than this coincide, where a potential has no forces

}  // namespace

template <class T>
PrecisionEvaluator<T>::PrecisionEvaluator(const ModelFile &file)
    : Evaluator(file), forms_(read_forms<T>(file, description)) {}

template <class T>
typename PrecisionEvaluator<T>::Workspaces PrecisionEvaluator<T>::run(const Request &request, const Form<T> &form,
                                                                      const Work &work) {
    const std::vector<Tile> tiles = make_tiles(request.neighbourhood, description, request.first, request.last);
    const int64_t shares = std::max<int64_t>(1, std::min<int64_t>(request.threads, int64_t(tiles.size())));
    Workspaces workspaces;
    for (int64_t share = 0; share < shares; ++share) workspaces.push_back(pool_.take());
    each_share(shares, [&](int64_t share) {
        Workspace<T> &space = *workspaces[size_t(share)];
        space.closest = Closest{};
        space.crowded = -1;
        space.force.resize(size_t(request.components));
        space.virial.resize(size_t(request.components));
        space.atom_virial.resize(size_t(request.components));
        for (size_t component = 0; component < size_t(request.components); ++component) {
            space.force[component].assign(size_t(3 * request.natoms), 0);
            space.virial[component].assign(9, 0);
            space.atom_virial[component].assign(size_t(request.atom_virial ? 9 * request.natoms : 0), 0);
        }
        const size_t count = tiles.size(), first = count * size_t(share) / size_t(shares);
        for (size_t tile = first; tile < count * size_t(share + 1) / size_t(shares); ++tile)
            work(form, request.neighbourhood, tiles[tile], space);
    });
    return workspaces;
}

template <class T>
typename PrecisionEvaluator<T>::Workspaces PrecisionEvaluator<T>::run_covered(const deepaw_atoms &atoms,
                                                                              const deepaw_neighbour_list *list,
                                                                              int threads, int components,
                                                                              bool atom_virial, const Work &work) {
    const Neighbourhood neighbourhood(atoms, list, description.visibility, threads);
    const Request request{neighbourhood, atoms.natoms, 0,          neighbourhood.first(description.ntypes()),
                          threads,       components,   atom_virial};
    for (size_t form = first_form(request);; ++form) {
        Workspaces workspaces = run(request, forms_[form], work);
        Closest closest;
        int64_t crowded = -1;
        for (const auto &space : workspaces) {
            closest.add(space->closest);
            crowded = std::max(crowded, space->crowded);
        }
        if (!covers(atoms, closest, form)) {
            give_back(workspaces);
            continue;
        }
        were_close_ = form > 0;
        if (crowded >= 0)
            warn("sel", "atom " + name_of(atoms, crowded) + " has more neighbours than sel of the model counts with; " +
                            (description.visibility.most >= 0 ? "the farthest are dropped" : "all are counted") + ".");
        return workspaces;
    }
}

template <class T>
size_t PrecisionEvaluator<T>::first_form(const Request &request) {
    if (!were_close_ || description.has_table) return 0;
    Closest closest;
    Workspaces workspaces = run(request, forms_[0], [](const auto &, const auto &neighbourhood, const Tile &tile, auto &space) {
        neighbourhood.gather(tile.first, tile.last, space.table, space.nearest, space.gather);
        for (const Closest &nearest : space.nearest) space.closest.add(nearest);
    });
    for (const auto &space : workspaces) closest.add(space->closest);
    give_back(workspaces);
    size_t form = 0;
    while (form + 1 < forms_.size() && closest.distance < forms_[form].covers) ++form;
    return form;
}

// Whether a form covers the shortest distance, or is the last one.
template <class T>
bool PrecisionEvaluator<T>::covers(const deepaw_atoms &atoms, const Closest &closest, size_t form) {
    if (closest.distance < COINCIDENT) throw ModelError(sentence_on_one_spot(atoms, closest));
    if (closest.distance < description.closest)
        warn("closest", sentence_too_close(atoms, closest) + ", closer than any in the training data.");
    if (closest.distance >= forms_[form].covers) return true;
    if (form + 1 < forms_.size()) return false;
    char covered[32];
    std::snprintf(covered, sizeof covered, "%g", forms_[form].covers);
    if (forms_[form].ends)
        throw ModelError(sentence_too_close(atoms, closest) + "; the potential ends at " + covered + " A.");
    warn("shortest", sentence_too_close(atoms, closest) + "; below " + covered +
                         " A the potential only goes on smoothly, and its numbers mean nothing.");
    return true;
}

template <class T>
void PrecisionEvaluator<T>::give_back(Workspaces &workspaces) {
    for (auto &workspace : workspaces) pool_.give_back(std::move(workspace));
}

template <class T>
void PrecisionEvaluator<T>::add_gradient(const Neighbourhood &neighbourhood, const Tile &tile, Workspace<T> &space,
                                         size_t component) const {
    std::vector<double> &atom_virial = space.atom_virial[component];
    add_forces(space.table.view(), description.ntypes(), space.grad_vector.data(), space.table.stride,
               [&](int64_t centre) { return neighbourhood.atom(tile.first + centre); }, nullptr,
               space.force[component].data(), space.virial[component].data(),
               atom_virial.empty() ? nullptr : atom_virial.data());
}

template <class T>
void PrecisionEvaluator<T>::add_sums(const Workspaces &workspaces, size_t component, int64_t natoms, double *force,
                                     double *virial, double *atom_virial) const {
    const auto add_up = [&](double *to, int64_t count, std::vector<std::vector<double>> Workspace<T>::*sums) {
        if (!to) return;
        for (const auto &space : workspaces)
            for (int64_t i = 0; i < count; ++i) to[i] += ((*space).*sums)[component][size_t(i)];
    };
    add_up(force, 3 * natoms, &Workspace<T>::force);
    add_up(virial, 9, &Workspace<T>::virial);
    add_up(atom_virial, 9 * natoms, &Workspace<T>::atom_virial);
}

template <class T>
const T *PrecisionEvaluator<T>::tile_parameters(const Neighbourhood &neighbourhood, const Tile &tile,
                                                const std::vector<T> &parameters, Workspace<T> &space) const {
    const int64_t width = description.nfparam() + description.naparam();
    if (width == 0) return nullptr;
    T *rows = sized(space.parameters, (tile.last - tile.first) * width);
    for (int64_t centre = tile.first; centre < tile.last; ++centre)
        std::copy_n(parameters.data() + neighbourhood.atom(centre) * width, width, rows + (centre - tile.first) * width);
    return rows;
}

std::unique_ptr<Evaluator> make_evaluator(ModelFile file, int bits) {
    if (bits != 64 && bits != 32)
        throw ModelError("bits is " + std::to_string(bits) + "; it should be 64 or 32.");
    try {
        resolve_names(file);
        if (bits == 64) return std::make_unique<PrecisionEvaluator<double>>(file);
        return std::make_unique<PrecisionEvaluator<float>>(file);
    } catch (const ModelError &error) {
        if (std::string(error.what()).rfind(file.path(), 0) == 0) throw;
        throw ModelError(file.path() + " was written damaged: " + error.what() + ".");
    }
}

template class PrecisionEvaluator<float>;
template class PrecisionEvaluator<double>;

}  // namespace deepaw
