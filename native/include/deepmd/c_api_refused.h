/* The part of DeePMD-kit's C interface that answers with an error: models of spins, the dipole charge modifier, and
 * evaluation of graphs on GPUs. Programs that were built with these functions can be linked and started.
 *
 * Objects are returned, and ...CheckOK says what is refused; numbers are 0, strings "", and results are left as they
 * are. Included by c_api.h.
 */
#ifndef DEEPAW_DEEPMD_C_API_REFUSED_H
#define DEEPAW_DEEPMD_C_API_REFUSED_H

#include "c_api.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- models of spins ------------------------------------------------------------------------------------------- */

typedef struct DP_DeepSpin DP_DeepSpin;
typedef struct DP_DeepSpinModelDevi DP_DeepSpinModelDevi;

DP_DeepSpin *DP_NewDeepSpin(const char *c_model);
DP_DeepSpin *DP_NewDeepSpinWithParam2(const char *c_model, int gpu_rank, const char *c_file_content,
                                      int size_file_content);
DP_DeepSpinModelDevi *DP_NewDeepSpinModelDevi(const char **c_models, int n_models);
DP_DeepSpinModelDevi *DP_NewDeepSpinModelDeviWithParam(const char **c_models, int n_models, int gpu_rank,
                                                       const char **c_file_contents, int n_file_contents,
                                                       const int *size_file_contents);
void DP_DeleteDeepSpin(DP_DeepSpin *dp);
void DP_DeleteDeepSpinModelDevi(DP_DeepSpinModelDevi *dp);

/* Evaluations, of Model = DeepSpin or DeepSpinModelDevi: arguments of DP_DeepPotCompute2 and 3, with spin (nframes,
 * natoms, 3) after coord and force_mag (nframes, natoms, 3) after force. */
#define DP_SPIN_COMPUTE(Model, Real, f)                                                                               \
    void DP_##Model##Compute##f##2(DP_##Model *dp, int nframes, int natoms, const Real *coord, const Real *spin,      \
                                   const int *atype, const Real *cell, const Real *fparam, const Real *aparam,        \
                                   double *energy, Real *force, Real *force_mag, Real *virial, Real *atomic_energy,   \
                                   Real *atomic_virial);                                                              \
    void DP_##Model##Compute##f##3(DP_##Model *dp, int nframes, int natoms, const Real *coord, const Real *spin,      \
                                   const int *atype, const Real *cell, const Real *fparam, const Real *aparam,        \
                                   const Real *charge_spin, double *energy, Real *force, Real *force_mag,             \
                                   Real *virial, Real *atomic_energy, Real *atomic_virial);                           \
    void DP_##Model##ComputeNList##f##2(DP_##Model *dp, int nframes, int natoms, const Real *coord, const Real *spin, \
                                        const int *atype, const Real *cell, int nghost, const DP_Nlist *nlist,        \
                                        int ago, const Real *fparam, const Real *aparam, double *energy, Real *force, \
                                        Real *force_mag, Real *virial, Real *atomic_energy, Real *atomic_virial);     \
    void DP_##Model##ComputeNList##f##3(DP_##Model *dp, int nframes, int natoms, const Real *coord, const Real *spin, \
                                        const int *atype, const Real *cell, int nghost, const DP_Nlist *nlist,        \
                                        int ago, const Real *fparam, const Real *aparam, const Real *charge_spin,     \
                                        double *energy, Real *force, Real *force_mag, Real *virial,                   \
                                        Real *atomic_energy, Real *atomic_virial);
DP_SPIN_COMPUTE(DeepSpin, double, )
DP_SPIN_COMPUTE(DeepSpin, float, f)
DP_SPIN_COMPUTE(DeepSpinModelDevi, double, )
DP_SPIN_COMPUTE(DeepSpinModelDevi, float, f)
#undef DP_SPIN_COMPUTE

double DP_DeepSpinGetCutoff(DP_DeepSpin *dp);
int DP_DeepSpinGetNumbTypes(DP_DeepSpin *dp);
int DP_DeepSpinGetNumbTypesSpin(DP_DeepSpin *dp);
int DP_DeepSpinGetDimFParam(DP_DeepSpin *dp);
int DP_DeepSpinGetDimAParam(DP_DeepSpin *dp);
int DP_DeepSpinGetDimChgSpin(DP_DeepSpin *dp);
bool DP_DeepSpinIsAParamNAll(DP_DeepSpin *dp);
bool DP_DeepSpinHasDefaultFParam(DP_DeepSpin *dp);
bool DP_DeepSpinUsesCanonicalGraphInference(DP_DeepSpin *dp);
bool DP_DeepSpinUsesNativeSpinScheme(DP_DeepSpin *dp);
const char *DP_DeepSpinGetTypeMap(DP_DeepSpin *dp);
const char *DP_DeepSpinCheckOK(DP_DeepSpin *dp);
void DP_DeepSpinSetChargeSpin(DP_DeepSpin *dp, const double *charge_spin, int numb_chg_spin);

double DP_DeepSpinModelDeviGetCutoff(DP_DeepSpinModelDevi *dp);
int DP_DeepSpinModelDeviGetNumbTypes(DP_DeepSpinModelDevi *dp);
int DP_DeepSpinModelDeviGetNumbTypesSpin(DP_DeepSpinModelDevi *dp);
int DP_DeepSpinModelDeviGetDimFParam(DP_DeepSpinModelDevi *dp);
int DP_DeepSpinModelDeviGetDimAParam(DP_DeepSpinModelDevi *dp);
int DP_DeepSpinModelDeviGetDimChgSpin(DP_DeepSpinModelDevi *dp);
bool DP_DeepSpinModelDeviIsAParamNAll(DP_DeepSpinModelDevi *dp);
bool DP_DeepSpinModelDeviHasDefaultFParam(DP_DeepSpinModelDevi *dp);
const char *DP_DeepSpinModelDeviCheckOK(DP_DeepSpinModelDevi *dp);
void DP_DeepSpinModelDeviSetChargeSpin(DP_DeepSpinModelDevi *dp, const double *charge_spin, int numb_chg_spin);

/* ---- parameters of charge and spin of other models ------------------------------------------------------------- */

/* Set the parameters of all later evaluations. An error unless there are none. */
void DP_DeepPotSetChargeSpin(DP_DeepPot *dp, const double *charge_spin, int numb_chg_spin);
void DP_DeepPotModelDeviSetChargeSpin(DP_DeepPotModelDevi *dp, const double *charge_spin, int numb_chg_spin);

/* ---- graphs on GPUs -------------------------------------------------------------------------------------------- */

/* Whether a model takes them: false. */
bool DP_DeepPotSupportsDeviceEdgeInference(DP_DeepPot *dp);
bool DP_DeepPotUsesCanonicalGraphInference(DP_DeepPot *dp);
bool DP_DeepPotUsesFP32EdgeVectors(DP_DeepPot *dp);

/* Evaluations of arrays d_* in a GPU's memory. */
void DP_DeepPotComputeEdgesGPU(DP_DeepPot *dp, double *d_atom_energy, double *d_force, double *d_atom_virial,
                               const double *d_coord, const int *d_atype, const int *d_edge_index,
                               const double *d_edge_vec, int nloc, int nedge, const double *fparam,
                               int64_t fparam_size, const double *aparam, int64_t aparam_size, int nall_nodes,
                               const DP_Nlist *comm_nlist);
void DP_DeepPotComputeEdgesGPUFloat32(DP_DeepPot *dp, double *d_atom_energy, double *d_force, double *d_atom_virial,
                                      const double *d_coord, const int *d_atype, const int *d_edge_index,
                                      const float *d_edge_vec, int nloc, int nedge, const double *fparam,
                                      int64_t fparam_size, const double *aparam, int64_t aparam_size, int nall_nodes,
                                      const DP_Nlist *comm_nlist);
void DP_DeepPotComputeCanonicalGraphGPU(DP_DeepPot *dp, double *d_atom_energy, double *d_force, double *d_atom_virial,
                                        const int64_t *d_atype, const uint32_t *d_source, const float *d_edge_vec,
                                        const int64_t *d_destination_row_ptr, const int64_t *d_source_row_ptr,
                                        const uint32_t *d_source_order, int nloc, int nall_nodes,
                                        int64_t edge_storage);
void DP_DeepSpinComputeCanonicalGraphGPU(DP_DeepSpin *dp, double *d_atom_energy, double *d_force, double *d_force_mag,
                                         double *d_atom_virial, const int64_t *d_atype, const uint32_t *d_source,
                                         const float *d_edge_vec, const int64_t *d_destination_row_ptr,
                                         const int64_t *d_source_row_ptr, const uint32_t *d_source_order,
                                         const float *d_spin, int nloc, int nall_nodes, int64_t edge_storage);

/* ---- dipole charge modifier ------------------------------------------------------------------------------------ */

/* Correction of forces and virial for charges at ends of dipoles, which DeePAW evaluates in Python alone. */
typedef struct DP_DipoleChargeModifier DP_DipoleChargeModifier;
DP_DipoleChargeModifier *DP_NewDipoleChargeModifier(const char *c_model);
DP_DipoleChargeModifier *DP_NewDipoleChargeModifierWithParam(const char *c_model, int gpu_rank,
                                                             const char *c_name_scope);
void DP_DeleteDipoleChargeModifier(DP_DipoleChargeModifier *dcm);
void DP_DipoleChargeModifierComputeNList(DP_DipoleChargeModifier *dcm, int natoms, const double *coord,
                                         const int *atype, const double *cell, const int *pairs, int npairs,
                                         const double *delef, int nghost, const DP_Nlist *nlist, double *dfcorr,
                                         double *dvcorr);
void DP_DipoleChargeModifierComputeNListf(DP_DipoleChargeModifier *dcm, int natoms, const float *coord,
                                          const int *atype, const float *cell, const int *pairs, int npairs,
                                          const float *delef, int nghost, const DP_Nlist *nlist, float *dfcorr,
                                          float *dvcorr);
double DP_DipoleChargeModifierGetCutoff(DP_DipoleChargeModifier *dcm);
int DP_DipoleChargeModifierGetNumbTypes(DP_DipoleChargeModifier *dcm);
int *DP_DipoleChargeModifierGetSelTypes(DP_DipoleChargeModifier *dcm);
int DP_DipoleChargeModifierGetNumbSelTypes(DP_DipoleChargeModifier *dcm);
const char *DP_DipoleChargeModifierCheckOK(DP_DipoleChargeModifier *dcm);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
