// Dipoles and polarizabilities.
#include <algorithm>

#include "frame.h"
#include "settings.h"

namespace deepmd_c {
namespace {

// Arrays of results (c_api.h).
template <class Real>
struct Tensors {
    Real *global_tensor = nullptr, *force = nullptr, *virial = nullptr;
    Real **atomic_tensor = nullptr;
    Real *atomic_virial = nullptr;
    int *size = nullptr;
};

// Copy the rows of atoms of selected types, no ghosts, into new memory for the caller.
template <class Real>
void copy_selected(const DP_DeepTensor &handle, const Input<Real> &input, const std::vector<double> &atomic_tensor,
                   size_t n, const Tensors<Real> &results) {
    std::vector<double> rows;
    for (size_t atom = 0; atom < size_t(input.nlocal()); ++atom)
        if (std::count(handle.selected.begin(), handle.selected.end(), input.atype[atom]))
            rows.insert(rows.end(), &atomic_tensor[n * atom], &atomic_tensor[n * atom] + n);
    if (results.atomic_tensor) {
        *results.atomic_tensor = new Real[rows.size()];
        std::copy(rows.begin(), rows.end(), *results.atomic_tensor);
    }
    if (results.size) *results.size = int(rows.size());
}

template <class Real>
void evaluate(DP_DeepTensor &handle, const Input<Real> &input, const Tensors<Real> &results) {
    if (results.atomic_tensor) *results.atomic_tensor = nullptr;
    if (results.size) *results.size = 0;
    run_evaluation(handle, [&] {
        check(input);
        const Model &model = handle.models.front();
        const size_t natoms = size_t(input.natoms), n = size_t(deepaw_tensor_size(model.get()));
        const Frame frame(input, 0, deepaw_nfparam(model.get()), deepaw_naparam(model.get()));
        Output<Real> tensor(results.global_tensor, n), force(results.force, n * natoms * 3);
        Output<Real> virial(results.virial, n * 9), atomic_virial(results.atomic_virial, n * natoms * 9);
        std::vector<double> atomic_tensor(n * natoms);
        const deepaw_tensor_result result = {tensor.get(), force.get(), virial.get(), atomic_tensor.data(),
                                             atomic_virial.get()};
        if (deepaw_evaluate_tensor(model.get(), &frame.atoms(), frame.neighbours(), thread_count(), &result) != 0)
            throw Failure(deepaw_error());
        for (Output<Real> *output : {&tensor, &force, &virial, &atomic_virial}) output->store();
        copy_selected(handle, input, atomic_tensor, n, results);
        print_warning(model);
    });
}

}  // namespace
}  // namespace deepmd_c

using namespace deepmd_c;

#define ATOMS(Real) int natoms, const Real *coord, const int *atype, const Real *cell
#define RESULTS(Real)                                                                                         \
    Real *global_tensor, Real *force, Real *virial, Real **atomic_tensor, Real *atomic_virial, int *size_at
#define ALL {global_tensor, force, virial, atomic_tensor, atomic_virial, size_at}
#define ATOMIC {nullptr, nullptr, nullptr, tensor, nullptr, size}

#define COMPUTE(Real, f)                                                                                           \
    void DP_DeepTensorComputeTensor##f(DP_DeepTensor *dt, ATOMS(Real), Real **tensor, int *size) {                 \
        evaluate<Real>(*dt, {1, natoms, coord, atype, cell}, ATOMIC);                                              \
    }                                                                                                              \
    void DP_DeepTensorComputeTensorNList##f(DP_DeepTensor *dt, ATOMS(Real), int nghost, const DP_Nlist *nlist,     \
                                            Real **tensor, int *size) {                                            \
        evaluate<Real>(*dt, {1, natoms, coord, atype, cell, nghost, nlist}, ATOMIC);                               \
    }                                                                                                              \
    void DP_DeepTensorCompute##f(DP_DeepTensor *dt, ATOMS(Real), RESULTS(Real)) {                                  \
        evaluate<Real>(*dt, {1, natoms, coord, atype, cell}, ALL);                                                 \
    }                                                                                                              \
    void DP_DeepTensorComputeNList##f(DP_DeepTensor *dt, ATOMS(Real), int nghost, const DP_Nlist *nlist,           \
                                      RESULTS(Real)) {                                                             \
        evaluate<Real>(*dt, {1, natoms, coord, atype, cell, nghost, nlist}, ALL);                                  \
    }
COMPUTE(double, )
COMPUTE(float, f)
