// Energies, forces and virials of one model, or of several for their deviation.
#include "frame.h"
#include "settings.h"

namespace deepmd_c {
namespace {

// Arrays of results (c_api.h); those of several models follow each other.
template <class Real>
struct Energies {
    double *energy;
    Real *force, *virial, *atomic_energy, *atomic_virial;
};

template <class Real>
void evaluate_one(const Model &model, const Frame &frame, size_t number, const Energies<Real> &results) {
    const size_t natoms = size_t(frame.atoms().natoms);
    Output<Real> force(at(results.force, number, 3 * natoms), 3 * natoms);
    Output<Real> virial(at(results.virial, number, 9), 9);
    Output<Real> atomic_energy(at(results.atomic_energy, number, natoms), natoms);
    Output<Real> atomic_virial(at(results.atomic_virial, number, 9 * natoms), 9 * natoms);
    const deepaw_energy_result result = {at(results.energy, number, 1), force.get(), virial.get(), atomic_energy.get(),
                                         atomic_virial.get()};
    if (deepaw_evaluate(model.get(), &frame.atoms(), frame.neighbours(), thread_count(), &result) != 0)
        throw Failure(deepaw_error());
    for (Output<Real> *output : {&force, &virial, &atomic_energy, &atomic_virial}) output->store();
    print_warning(model);
}

template <class Real>
void evaluate(DP_DeepPot &handle, const Input<Real> &input, const Energies<Real> &results) {
    run_evaluation(handle, [&] {
        check(input);
        const Model &model = handle.models.front();
        for (int i = 0; i < input.nframes; ++i)
            evaluate_one(model, Frame(input, i, deepaw_nfparam(model.get()), deepaw_naparam(model.get())), size_t(i),
                         results);
    });
}

template <class Real>
void evaluate(DP_DeepPotModelDevi &handle, const Input<Real> &input, const Energies<Real> &results) {
    run_evaluation(handle, [&] {
        check(input);
        if (input.nframes != 1)
            throw Failure("a model deviation takes 1 frame in a call, not " + std::to_string(input.nframes) + ".");
        const Frame frame(input, 0, deepaw_nfparam(handle.first()), deepaw_naparam(handle.first()));
        for (size_t i = 0; i < handle.models.size(); ++i) evaluate_one(handle.models[i], frame, i, results);
    });
}

}  // namespace
}  // namespace deepmd_c

using namespace deepmd_c;

#define ATOMS(Real) int natoms, const Real *coord, const int *atype, const Real *cell
#define LIST int nghost, const DP_Nlist *nlist, int
#define PARAMETERS(Real) const Real *fparam, const Real *aparam
#define RESULTS(Real) double *energy, Real *force, Real *virial, Real *atomic_energy, Real *atomic_virial
#define EVALUATE(Real, ...) \
    evaluate(*dp, Input<Real>{__VA_ARGS__}, Energies<Real>{energy, force, virial, atomic_energy, atomic_virial})

// All functions of a class; f: what their names have after Compute.
#define COMPUTE(Class, Real, f)                                                                                      \
    void Class##Compute##f(Class *dp, ATOMS(Real), RESULTS(Real)) { EVALUATE(Real, 1, natoms, coord, atype, cell); } \
    void Class##Compute##f##2(Class *dp, int nframes, ATOMS(Real), PARAMETERS(Real), RESULTS(Real)) {                \
        EVALUATE(Real, nframes, natoms, coord, atype, cell, 0, nullptr, fparam, aparam);                             \
    }                                                                                                                \
    void Class##Compute##f##3(Class *dp, int nframes, ATOMS(Real), PARAMETERS(Real), const Real *, RESULTS(Real)) {  \
        EVALUATE(Real, nframes, natoms, coord, atype, cell, 0, nullptr, fparam, aparam);                             \
    }                                                                                                                \
    void Class##ComputeNList##f(Class *dp, ATOMS(Real), LIST, RESULTS(Real)) {                                       \
        EVALUATE(Real, 1, natoms, coord, atype, cell, nghost, nlist);                                                \
    }                                                                                                                \
    void Class##ComputeNList##f##2(Class *dp, int nframes, ATOMS(Real), LIST, PARAMETERS(Real), RESULTS(Real)) {     \
        EVALUATE(Real, nframes, natoms, coord, atype, cell, nghost, nlist, fparam, aparam);                          \
    }                                                                                                                \
    void Class##ComputeNList##f##3(Class *dp, int nframes, ATOMS(Real), LIST, PARAMETERS(Real), const Real *,        \
                                   RESULTS(Real)) {                                                                  \
        EVALUATE(Real, nframes, natoms, coord, atype, cell, nghost, nlist, fparam, aparam);                          \
    }
COMPUTE(DP_DeepPot, double, )
COMPUTE(DP_DeepPot, float, f)
COMPUTE(DP_DeepPotModelDevi, double, )
COMPUTE(DP_DeepPotModelDevi, float, f)

#define COMPUTE_MIXED(Real, f)                                                                                \
    void DP_DeepPotComputeMixedType##f(DP_DeepPot *dp, int nframes, ATOMS(Real), PARAMETERS(Real), RESULTS(Real)) { \
        EVALUATE(Real, nframes, natoms, coord, atype, cell, 0, nullptr, fparam, aparam, true);                \
    }
COMPUTE_MIXED(double, )
COMPUTE_MIXED(float, f)
