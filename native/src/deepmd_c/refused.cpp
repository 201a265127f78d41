// Functions that answer with an error: models of spins, graphs on GPUs, and the dipole charge modifier.
#include "handles.h"

using namespace deepmd_c;

namespace {

constexpr const char *SPINS = "models of atoms with spins are not among those that DeePAW evaluates.";
constexpr const char *GRAPHS = "DeePAW's library computes on the CPU and takes no graphs in the memory of a GPU.";
constexpr const char *MODIFIER =
    "DeePAW's library has no dipole charge modifier; its Python functions evaluate models that have one.";

template <class Class>
Class *refused_handle(const char *sentence) {
    auto *handle = new Class;
    handle->error = sentence;
    return handle;
}

// No model has parameters of charge and spin.
void set_charge_spin(Handle &handle, int count) {
    run_evaluation(handle, [&] {
        if (count != 0)
            throw Failure(std::to_string(count) + " parameters of charge and spin were given; the model has 0.");
    });
}

void refuse_graph(Handle &handle) {
    run_evaluation(handle, [] { throw Failure(GRAPHS); });
}

}  // namespace

DP_DeepSpin *DP_NewDeepSpin(const char *) { return refused_handle<DP_DeepSpin>(SPINS); }
DP_DeepSpin *DP_NewDeepSpinWithParam2(const char *, int, const char *, int) {
    return refused_handle<DP_DeepSpin>(SPINS);
}
DP_DeepSpinModelDevi *DP_NewDeepSpinModelDevi(const char **, int) {
    return refused_handle<DP_DeepSpinModelDevi>(SPINS);
}
DP_DeepSpinModelDevi *DP_NewDeepSpinModelDeviWithParam(const char **, int, int, const char **, int, const int *) {
    return refused_handle<DP_DeepSpinModelDevi>(SPINS);
}

bool DP_DeepSpinUsesCanonicalGraphInference(DP_DeepSpin *) { return false; }
bool DP_DeepSpinUsesNativeSpinScheme(DP_DeepSpin *) { return false; }

// Evaluations of spins: the error of the object stands.
#define COMPUTE(Class, Real, f)                                                                                        \
    void DP_##Class##Compute##f##2(DP_##Class *, int, int, const Real *, const Real *, const int *, const Real *,      \
                                   const Real *, const Real *, double *, Real *, Real *, Real *, Real *, Real *) {}    \
    void DP_##Class##Compute##f##3(DP_##Class *, int, int, const Real *, const Real *, const int *, const Real *,      \
                                   const Real *, const Real *, const Real *, double *, Real *, Real *, Real *, Real *, \
                                   Real *) {}                                                                          \
    void DP_##Class##ComputeNList##f##2(DP_##Class *, int, int, const Real *, const Real *, const int *, const Real *, \
                                        int, const DP_Nlist *, int, const Real *, const Real *, double *, Real *,      \
                                        Real *, Real *, Real *, Real *) {}                                             \
    void DP_##Class##ComputeNList##f##3(DP_##Class *, int, int, const Real *, const Real *, const int *, const Real *, \
                                        int, const DP_Nlist *, int, const Real *, const Real *, const Real *,          \
                                        double *, Real *, Real *, Real *, Real *, Real *) {}
COMPUTE(DeepSpin, double, )
COMPUTE(DeepSpin, float, f)
COMPUTE(DeepSpinModelDevi, double, )
COMPUTE(DeepSpinModelDevi, float, f)

void DP_DeepSpinSetChargeSpin(DP_DeepSpin *dp, const double *, int count) { set_charge_spin(*dp, count); }
void DP_DeepSpinModelDeviSetChargeSpin(DP_DeepSpinModelDevi *dp, const double *, int count) {
    set_charge_spin(*dp, count);
}
void DP_DeepPotSetChargeSpin(DP_DeepPot *dp, const double *, int count) { set_charge_spin(*dp, count); }
void DP_DeepPotModelDeviSetChargeSpin(DP_DeepPotModelDevi *dp, const double *, int count) {
    set_charge_spin(*dp, count);
}

bool DP_DeepPotSupportsDeviceEdgeInference(DP_DeepPot *) { return false; }
bool DP_DeepPotUsesCanonicalGraphInference(DP_DeepPot *) { return false; }
bool DP_DeepPotUsesFP32EdgeVectors(DP_DeepPot *) { return false; }

void DP_DeepPotComputeEdgesGPU(DP_DeepPot *dp, double *, double *, double *, const double *, const int *, const int *,
                               const double *, int, int, const double *, int64_t, const double *, int64_t, int,
                               const DP_Nlist *) {
    refuse_graph(*dp);
}
void DP_DeepPotComputeEdgesGPUFloat32(DP_DeepPot *dp, double *, double *, double *, const double *, const int *,
                                      const int *, const float *, int, int, const double *, int64_t, const double *,
                                      int64_t, int, const DP_Nlist *) {
    refuse_graph(*dp);
}
void DP_DeepPotComputeCanonicalGraphGPU(DP_DeepPot *dp, double *, double *, double *, const int64_t *,
                                        const uint32_t *, const float *, const int64_t *, const int64_t *,
                                        const uint32_t *, int, int, int64_t) {
    refuse_graph(*dp);
}
void DP_DeepSpinComputeCanonicalGraphGPU(DP_DeepSpin *, double *, double *, double *, double *, const int64_t *,
                                         const uint32_t *, const float *, const int64_t *, const int64_t *,
                                         const uint32_t *, const float *, int, int, int64_t) {}

DP_DipoleChargeModifier *DP_NewDipoleChargeModifier(const char *) {
    return refused_handle<DP_DipoleChargeModifier>(MODIFIER);
}
DP_DipoleChargeModifier *DP_NewDipoleChargeModifierWithParam(const char *, int, const char *) {
    return refused_handle<DP_DipoleChargeModifier>(MODIFIER);
}
void DP_DeleteDipoleChargeModifier(DP_DipoleChargeModifier *dcm) { delete dcm; }
void DP_DipoleChargeModifierComputeNList(DP_DipoleChargeModifier *, int, const double *, const int *, const double *,
                                         const int *, int, const double *, int, const DP_Nlist *, double *, double *) {
}
void DP_DipoleChargeModifierComputeNListf(DP_DipoleChargeModifier *, int, const float *, const int *, const float *,
                                          const int *, int, const float *, int, const DP_Nlist *, float *, float *) {}
double DP_DipoleChargeModifierGetCutoff(DP_DipoleChargeModifier *) { return 0; }
int DP_DipoleChargeModifierGetNumbTypes(DP_DipoleChargeModifier *) { return 0; }
int *DP_DipoleChargeModifierGetSelTypes(DP_DipoleChargeModifier *) { return nullptr; }
int DP_DipoleChargeModifierGetNumbSelTypes(DP_DipoleChargeModifier *) { return 0; }
const char *DP_DipoleChargeModifierCheckOK(DP_DipoleChargeModifier *dcm) { return copy_text(dcm->error); }
