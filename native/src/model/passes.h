// Evaluation of a model in one precision: energies, and tensors.
#pragma once

#include <atomic>
#include <functional>

#include "tiles.h"

namespace deepaw {

template <class T>
class PrecisionEvaluator : public Evaluator {
  public:
    explicit PrecisionEvaluator(const ModelFile &file);

    void evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                  const deepaw_energy_result &result) override;
    void evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                  const deepaw_tensor_result &result) override;

    void evaluate_sorted(const deepaw_list *list, int64_t natoms, const int32_t *types, const double *parameters,
                         int64_t first, int64_t last, int threads, const deepaw_energy_result &result) override;

  private:
    using Workspaces = std::vector<std::unique_ptr<Workspace<T>>>;
    using Work = std::function<void(const Form<T> &, const Neighbourhood &, const Tile &, Workspace<T> &)>;

    // What is evaluated: centres first ... last - 1, with so many components to differentiate.
    struct Request {
        const Neighbourhood &neighbourhood;
        int64_t natoms, first, last;
        int threads, components;
        bool atom_virial;
    };

    // Call work for all tiles of a request, with one form.
    Workspaces run(const Request &request, const Form<T> &form, const Work &work);

    // The same for all atoms, with a form that covers their distances. Warns.
    Workspaces run_covered(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads, int components,
                           bool atom_virial, const Work &work);
    bool covers(const deepaw_atoms &atoms, const Closest &closest, size_t form);

    // The first form that may cover all distances. They are looked at where another form than the first was needed last
    // time, so that such atoms are not evaluated twice at every step of a simulation.
    size_t first_form(const Request &request);
    void give_back(Workspaces &workspaces);

    // Energies of the centres of a tile, in `energies` of all atoms; where wanted, their derivatives in the sums of `space`.
    void evaluate_tile(const Form<T> &form, const Neighbourhood &neighbourhood, const Tile &tile,
                       const std::vector<T> &parameters, bool differentiate, Workspace<T> &space, double *energies) const;

    // Add dE/dr of the pairs of a tile to the sums of a component.
    void add_gradient(const Neighbourhood &neighbourhood, const Tile &tile, Workspace<T> &space, size_t component) const;

    // Add the sums of all workspaces where they are wanted.
    void add_sums(const Workspaces &workspaces, size_t component, int64_t natoms, double *force, double *virial,
                  double *atom_virial) const;

    // Parameters of the centres of a tile, or NULL if the model has none.
    const T *tile_parameters(const Neighbourhood &neighbourhood, const Tile &tile, const std::vector<T> &parameters,
                             Workspace<T> &space) const;

    std::vector<Form<T>> forms_;
    WorkspacePool<T> pool_;
    std::atomic<bool> were_close_{false};
};

}  // namespace deepaw
