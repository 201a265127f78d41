/* DeePMD-kit's C interface of its release 3.2, answered by DeePAW: link libdeepmd_c, or start a program that was built
 * for DeePMD-kit's library with LD_PRELOAD=libdeepmd_c.so (`deepaw c-api` prints both lines).
 *
 * Models: .safetensors; .dp, .yaml, .pt, .pb are converted once, by the Python of DeePAW, into the user's cache.
 * Everything is computed on the CPU, in float64, or float32 where the environment has DEEPAW_PRECISION=float32.
 *
 * Arguments that functions share. Units: A, eV. Arrays are row-major. NULL: a result that is not wanted.
 *   nframes        number of frames; arrays of frames follow each other
 *   natoms         number of atoms of a frame; with a neighbour list, with the ghosts, which come last
 *   coord          (nframes, natoms, 3)
 *   atype          (natoms) types of atoms, numbered as in the type map; negative: atoms that the model does not see
 *   cell           (nframes, 3, 3), rows are cell vectors; NULL: no periodicity. Not used with a neighbour list
 *   nghost, nlist  number of ghost atoms; neighbours of the atoms that are no ghosts
 *   ago            steps since the neighbour list was made; not used, every call uses its list
 *   fparam         (nframes, number of frame parameters), or NULL for the model's default
 *   aparam         (nframes, natoms - nghost, number of atom parameters), or NULL
 *   charge_spin    parameters of charge and spin, which no model of DeePAW has; not used
 *   energy         (nframes)                 force         (nframes, natoms, 3): -dE/dr, on ghosts too
 *   virial         (nframes, 9): sum of r F  atomic_energy (nframes, natoms)
 *   atomic_virial  (nframes, natoms, 9)
 * Functions of model deviation take one frame, and their results are those of each model, one after the other.
 * Names that end in f, f2 or f3 take float arrays. A number at the end is the version of the argument list.
 *
 * Errors: an object is always returned, and calls end; ...CheckOK then returns the sentence that says what was wrong,
 * or "" after a call that went well. Strings returned by this library are freed by DP_DeleteChar.
 */
#ifndef DEEPAW_DEEPMD_C_API_H
#define DEEPAW_DEEPMD_C_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

#define DP_C_API_VERSION 30

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- neighbour lists ------------------------------------------------------------------------------------------- */

/* Full neighbour list: the neighbours of atom ilist[i] are the numneigh[i] numbers at firstneigh[i]. The list refers to
 * the caller's arrays, which have to exist as long as it is used. */
typedef struct DP_Nlist DP_Nlist;
DP_Nlist *DP_NewNlist(int inum, int *ilist, int *numneigh, int **firstneigh);
/* Create a list with the arguments of communication between processes, which DeePAW's models do not need. */
DP_Nlist *DP_NewNlist_comm(int inum, int *ilist, int *numneigh, int **firstneigh, int nswap, int *sendnum, int *recvnum,
                           int *firstrecv, int **sendlist, int *sendproc, int *recvproc, void *world, int nprocs);
/* Set the bits of an entry of firstneigh that are the number of an atom; all of them by default. */
void DP_NlistSetMask(DP_Nlist *nl, int mask);
/* Set the atoms that ghosts are images of, which DeePAW's models do not need. */
void DP_NlistSetMapping(DP_Nlist *nl, int *mapping);
void DP_DeleteNlist(DP_Nlist *nl);
const char *DP_NlistCheckOK(DP_Nlist *nl);

/* ---- objects --------------------------------------------------------------------------------------------------- */

/* Pointers to DP_DeepPot may be cast to DP_DeepBaseModel, and those to DP_DeepPotModelDevi to DP_DeepBaseModelDevi. */
typedef struct DP_DeepBaseModel DP_DeepBaseModel;
typedef struct DP_DeepBaseModelDevi DP_DeepBaseModelDevi;
typedef struct DP_DeepPot DP_DeepPot;
typedef struct DP_DeepPotModelDevi DP_DeepPotModelDevi;
typedef struct DP_DeepTensor DP_DeepTensor;

/* gpu_rank is not used. c_file_content: the size_file_content bytes of the file; NULL or 0 bytes: the file is read.
 * The content given to DP_NewDeepPotWithParam, whose size is unknown, is not used. */
DP_DeepPot *DP_NewDeepPot(const char *c_model);
DP_DeepPot *DP_NewDeepPotWithParam(const char *c_model, int gpu_rank, const char *c_file_content);
DP_DeepPot *DP_NewDeepPotWithParam2(const char *c_model, int gpu_rank, const char *c_file_content,
                                    int size_file_content);
DP_DeepPotModelDevi *DP_NewDeepPotModelDevi(const char **c_models, int n_models);
DP_DeepPotModelDevi *DP_NewDeepPotModelDeviWithParam(const char **c_models, int n_models, int gpu_rank,
                                                     const char **c_file_contents, int n_file_contents,
                                                     const int *size_file_contents);
/* c_name_scope, of graphs of TensorFlow, is not used. */
DP_DeepTensor *DP_NewDeepTensor(const char *c_model);
DP_DeepTensor *DP_NewDeepTensorWithParam(const char *c_model, int gpu_rank, const char *c_name_scope);

void DP_DeleteDeepBaseModel(DP_DeepBaseModel *dp);
void DP_DeleteDeepBaseModelDevi(DP_DeepBaseModelDevi *dp);
void DP_DeleteDeepPot(DP_DeepPot *dp);
void DP_DeleteDeepPotModelDevi(DP_DeepPotModelDevi *dp);
void DP_DeleteDeepTensor(DP_DeepTensor *dt);

/* ---- energies, forces and virials ------------------------------------------------------------------------------ */

void DP_DeepPotCompute(DP_DeepPot *dp, int natoms, const double *coord, const int *atype, const double *cell,
                       double *energy, double *force, double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputef(DP_DeepPot *dp, int natoms, const float *coord, const int *atype, const float *cell,
                        double *energy, float *force, float *virial, float *atomic_energy, float *atomic_virial);
void DP_DeepPotCompute2(DP_DeepPot *dp, int nframes, int natoms, const double *coord, const int *atype,
                        const double *cell, const double *fparam, const double *aparam, double *energy, double *force,
                        double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputef2(DP_DeepPot *dp, int nframes, int natoms, const float *coord, const int *atype,
                         const float *cell, const float *fparam, const float *aparam, double *energy, float *force,
                         float *virial, float *atomic_energy, float *atomic_virial);
void DP_DeepPotCompute3(DP_DeepPot *dp, int nframes, int natoms, const double *coord, const int *atype,
                        const double *cell, const double *fparam, const double *aparam, const double *charge_spin,
                        double *energy, double *force, double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputef3(DP_DeepPot *dp, int nframes, int natoms, const float *coord, const int *atype,
                         const float *cell, const float *fparam, const float *aparam, const float *charge_spin,
                         double *energy, float *force, float *virial, float *atomic_energy, float *atomic_virial);
/* Frames of different atoms: atype is (nframes, natoms), negative where a frame has fewer. */
void DP_DeepPotComputeMixedType(DP_DeepPot *dp, int nframes, int natoms, const double *coord, const int *atype,
                                const double *cell, const double *fparam, const double *aparam, double *energy,
                                double *force, double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputeMixedTypef(DP_DeepPot *dp, int nframes, int natoms, const float *coord, const int *atype,
                                 const float *cell, const float *fparam, const float *aparam, double *energy,
                                 float *force, float *virial, float *atomic_energy, float *atomic_virial);
void DP_DeepPotComputeNList(DP_DeepPot *dp, int natoms, const double *coord, const int *atype, const double *cell,
                            int nghost, const DP_Nlist *nlist, int ago, double *energy, double *force, double *virial,
                            double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputeNListf(DP_DeepPot *dp, int natoms, const float *coord, const int *atype, const float *cell,
                             int nghost, const DP_Nlist *nlist, int ago, double *energy, float *force, float *virial,
                             float *atomic_energy, float *atomic_virial);
void DP_DeepPotComputeNList2(DP_DeepPot *dp, int nframes, int natoms, const double *coord, const int *atype,
                             const double *cell, int nghost, const DP_Nlist *nlist, int ago, const double *fparam,
                             const double *aparam, double *energy, double *force, double *virial,
                             double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputeNListf2(DP_DeepPot *dp, int nframes, int natoms, const float *coord, const int *atype,
                              const float *cell, int nghost, const DP_Nlist *nlist, int ago, const float *fparam,
                              const float *aparam, double *energy, float *force, float *virial, float *atomic_energy,
                              float *atomic_virial);
void DP_DeepPotComputeNList3(DP_DeepPot *dp, int nframes, int natoms, const double *coord, const int *atype,
                             const double *cell, int nghost, const DP_Nlist *nlist, int ago, const double *fparam,
                             const double *aparam, const double *charge_spin, double *energy, double *force,
                             double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotComputeNListf3(DP_DeepPot *dp, int nframes, int natoms, const float *coord, const int *atype,
                              const float *cell, int nghost, const DP_Nlist *nlist, int ago, const float *fparam,
                              const float *aparam, const float *charge_spin, double *energy, float *force,
                              float *virial, float *atomic_energy, float *atomic_virial);

void DP_DeepPotModelDeviCompute(DP_DeepPotModelDevi *dp, int natoms, const double *coord, const int *atype,
                                const double *cell, double *energy, double *force, double *virial,
                                double *atomic_energy, double *atomic_virial);
void DP_DeepPotModelDeviComputef(DP_DeepPotModelDevi *dp, int natoms, const float *coord, const int *atype,
                                 const float *cell, double *energy, float *force, float *virial, float *atomic_energy,
                                 float *atomic_virial);
void DP_DeepPotModelDeviCompute2(DP_DeepPotModelDevi *dp, int nframes, int natoms, const double *coord,
                                 const int *atype, const double *cell, const double *fparam, const double *aparam,
                                 double *energy, double *force, double *virial, double *atomic_energy,
                                 double *atomic_virial);
void DP_DeepPotModelDeviComputef2(DP_DeepPotModelDevi *dp, int nframes, int natoms, const float *coord,
                                  const int *atype, const float *cell, const float *fparam, const float *aparam,
                                  double *energy, float *force, float *virial, float *atomic_energy,
                                  float *atomic_virial);
void DP_DeepPotModelDeviCompute3(DP_DeepPotModelDevi *dp, int nframes, int natoms, const double *coord,
                                 const int *atype, const double *cell, const double *fparam, const double *aparam,
                                 const double *charge_spin, double *energy, double *force, double *virial,
                                 double *atomic_energy, double *atomic_virial);
void DP_DeepPotModelDeviComputef3(DP_DeepPotModelDevi *dp, int nframes, int natoms, const float *coord,
                                  const int *atype, const float *cell, const float *fparam, const float *aparam,
                                  const float *charge_spin, double *energy, float *force, float *virial,
                                  float *atomic_energy, float *atomic_virial);
void DP_DeepPotModelDeviComputeNList(DP_DeepPotModelDevi *dp, int natoms, const double *coord, const int *atype,
                                     const double *cell, int nghost, const DP_Nlist *nlist, int ago, double *energy,
                                     double *force, double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotModelDeviComputeNListf(DP_DeepPotModelDevi *dp, int natoms, const float *coord, const int *atype,
                                      const float *cell, int nghost, const DP_Nlist *nlist, int ago, double *energy,
                                      float *force, float *virial, float *atomic_energy, float *atomic_virial);
void DP_DeepPotModelDeviComputeNList2(DP_DeepPotModelDevi *dp, int nframes, int natoms, const double *coord,
                                      const int *atype, const double *cell, int nghost, const DP_Nlist *nlist, int ago,
                                      const double *fparam, const double *aparam, double *energy, double *force,
                                      double *virial, double *atomic_energy, double *atomic_virial);
void DP_DeepPotModelDeviComputeNListf2(DP_DeepPotModelDevi *dp, int nframes, int natoms, const float *coord,
                                       const int *atype, const float *cell, int nghost, const DP_Nlist *nlist, int ago,
                                       const float *fparam, const float *aparam, double *energy, float *force,
                                       float *virial, float *atomic_energy, float *atomic_virial);
void DP_DeepPotModelDeviComputeNList3(DP_DeepPotModelDevi *dp, int nframes, int natoms, const double *coord,
                                      const int *atype, const double *cell, int nghost, const DP_Nlist *nlist, int ago,
                                      const double *fparam, const double *aparam, const double *charge_spin,
                                      double *energy, double *force, double *virial, double *atomic_energy,
                                      double *atomic_virial);
void DP_DeepPotModelDeviComputeNListf3(DP_DeepPotModelDevi *dp, int nframes, int natoms, const float *coord,
                                       const int *atype, const float *cell, int nghost, const DP_Nlist *nlist, int ago,
                                       const float *fparam, const float *aparam, const float *charge_spin,
                                       double *energy, float *force, float *virial, float *atomic_energy,
                                       float *atomic_virial);

/* ---- tensors --------------------------------------------------------------------------------------------------- */

/* n = 3 or 9 components. tensor, atomic_tensor: (size / n, n), of the atoms, no ghosts, of types that have a tensor
 * (DP_DeepTensorGetSelTypes), in their order; the library allocates it by new[], and the caller frees it. */
void DP_DeepTensorComputeTensor(DP_DeepTensor *dt, int natoms, const double *coord, const int *atype,
                                const double *cell, double **tensor, int *size);
void DP_DeepTensorComputeTensorf(DP_DeepTensor *dt, int natoms, const float *coord, const int *atype,
                                 const float *cell, float **tensor, int *size);
void DP_DeepTensorComputeTensorNList(DP_DeepTensor *dt, int natoms, const double *coord, const int *atype,
                                     const double *cell, int nghost, const DP_Nlist *nlist, double **tensor, int *size);
void DP_DeepTensorComputeTensorNListf(DP_DeepTensor *dt, int natoms, const float *coord, const int *atype,
                                      const float *cell, int nghost, const DP_Nlist *nlist, float **tensor, int *size);
/* global_tensor: (n), sum of the atomic ones. force (n, natoms, 3), virial (n, 9), atomic_virial (n, natoms, 9): of
 * each component in place of the energy. */
void DP_DeepTensorCompute(DP_DeepTensor *dt, int natoms, const double *coord, const int *atype, const double *cell,
                          double *global_tensor, double *force, double *virial, double **atomic_tensor,
                          double *atomic_virial, int *size_at);
void DP_DeepTensorComputef(DP_DeepTensor *dt, int natoms, const float *coord, const int *atype, const float *cell,
                           float *global_tensor, float *force, float *virial, float **atomic_tensor,
                           float *atomic_virial, int *size_at);
void DP_DeepTensorComputeNList(DP_DeepTensor *dt, int natoms, const double *coord, const int *atype,
                               const double *cell, int nghost, const DP_Nlist *nlist, double *global_tensor,
                               double *force, double *virial, double **atomic_tensor, double *atomic_virial,
                               int *size_at);
void DP_DeepTensorComputeNListf(DP_DeepTensor *dt, int natoms, const float *coord, const int *atype, const float *cell,
                                int nghost, const DP_Nlist *nlist, float *global_tensor, float *force, float *virial,
                                float **atomic_tensor, float *atomic_virial, int *size_at);

/* ---- properties of models -------------------------------------------------------------------------------------- */

/* Cutoff, A; number of types; numbers of parameters of a frame and of an atom; whether the model has parameters for
 * frames that give none; names of the types with spaces between. No model has types with spin, parameters of charge
 * and spin, or atom parameters for ghosts. */
double DP_DeepBaseModelGetCutoff(DP_DeepBaseModel *dpbase);
int DP_DeepBaseModelGetNumbTypes(DP_DeepBaseModel *dpbase);
int DP_DeepBaseModelGetNumbTypesSpin(DP_DeepBaseModel *dpbase);
int DP_DeepBaseModelGetDimFParam(DP_DeepBaseModel *dpbase);
int DP_DeepBaseModelGetDimAParam(DP_DeepBaseModel *dpbase);
bool DP_DeepBaseModelIsAParamNAll(DP_DeepBaseModel *dpbase);
bool DP_DeepBaseModelHasDefaultFParam(DP_DeepBaseModel *dpbase);
const char *DP_DeepBaseModelGetTypeMap(DP_DeepBaseModel *dpbase);
const char *DP_DeepBaseModelCheckOK(DP_DeepBaseModel *dpbase);

double DP_DeepBaseModelDeviGetCutoff(DP_DeepBaseModelDevi *dpbase);
int DP_DeepBaseModelDeviGetNumbTypes(DP_DeepBaseModelDevi *dpbase);
int DP_DeepBaseModelDeviGetNumbTypesSpin(DP_DeepBaseModelDevi *dpbase);
int DP_DeepBaseModelDeviGetDimFParam(DP_DeepBaseModelDevi *dpbase);
int DP_DeepBaseModelDeviGetDimAParam(DP_DeepBaseModelDevi *dpbase);
bool DP_DeepBaseModelDeviIsAParamNAll(DP_DeepBaseModelDevi *dpbase);
bool DP_DeepBaseModelDeviHasDefaultFParam(DP_DeepBaseModelDevi *dpbase);
const char *DP_DeepBaseModelDeviCheckOK(DP_DeepBaseModelDevi *dpbase);

double DP_DeepPotGetCutoff(DP_DeepPot *dp);
int DP_DeepPotGetNumbTypes(DP_DeepPot *dp);
int DP_DeepPotGetNumbTypesSpin(DP_DeepPot *dp);
int DP_DeepPotGetDimFParam(DP_DeepPot *dp);
int DP_DeepPotGetDimAParam(DP_DeepPot *dp);
int DP_DeepPotGetDimChgSpin(DP_DeepPot *dp);
bool DP_DeepPotIsAParamNAll(DP_DeepPot *dp);
bool DP_DeepPotHasDefaultFParam(DP_DeepPot *dp);
const char *DP_DeepPotGetTypeMap(DP_DeepPot *dp);
const char *DP_DeepPotCheckOK(DP_DeepPot *dp);

double DP_DeepPotModelDeviGetCutoff(DP_DeepPotModelDevi *dp);
int DP_DeepPotModelDeviGetNumbTypes(DP_DeepPotModelDevi *dp);
int DP_DeepPotModelDeviGetNumbTypesSpin(DP_DeepPotModelDevi *dp);
int DP_DeepPotModelDeviGetDimFParam(DP_DeepPotModelDevi *dp);
int DP_DeepPotModelDeviGetDimAParam(DP_DeepPotModelDevi *dp);
int DP_DeepPotModelDeviGetDimChgSpin(DP_DeepPotModelDevi *dp);
bool DP_DeepPotModelDeviIsAParamNAll(DP_DeepPotModelDevi *dp);
bool DP_DeepPotModelDeviHasDefaultFParam(DP_DeepPotModelDevi *dp);
const char *DP_DeepPotModelDeviCheckOK(DP_DeepPotModelDevi *dp);

/* Types whose atoms have a tensor; the array is the object's. */
double DP_DeepTensorGetCutoff(DP_DeepTensor *dt);
int DP_DeepTensorGetNumbTypes(DP_DeepTensor *dt);
int DP_DeepTensorGetOutputDim(DP_DeepTensor *dt);
int *DP_DeepTensorGetSelTypes(DP_DeepTensor *dt);
int DP_DeepTensorGetNumbSelTypes(DP_DeepTensor *dt);
const char *DP_DeepTensorGetTypeMap(DP_DeepTensor *dt);
const char *DP_DeepTensorCheckOK(DP_DeepTensor *dt);

/* ---- files and selections -------------------------------------------------------------------------------------- */

/* Content of a file as a string of *size bytes, or where it cannot be read, an error sentence and minus its length. The
 * first function has no size: "" where a file cannot be read. */
const char *DP_ReadFileToChar(const char *c_model);
const char *DP_ReadFileToChar2(const char *c_model, int *size);
void DP_DeleteChar(const char *c_str);
/* Print what library this is, each line after c_pre. */
void DP_PrintSummary(const char *c_pre);
/* Graphs of TensorFlow are not read: prints an error on stderr. */
void DP_ConvertPbtxtToPb(const char *c_pbtxt, const char *c_pb);

/* Atoms of selected types, in their order: fwd_map (natoms) is their number among them or -1, bkw_map (nreal) the
 * reverse; nghost_real of the nreal are ghosts. natoms includes nghost ghosts, which come last. */
void DP_SelectByType(int natoms, const int *atype, int nghost, int nsel_type, const int *sel_type, int *fwd_map,
                     int *nreal, int *bkw_map, int *nghost_real);
/* Copy rows of in, (nall1, stride), to rows fwd_map (nall1) of out, (nall2, stride); those of -1 are left out. */
void DP_SelectMapInt(const int *in, const int *fwd_map, int stride, int nall1, int nall2, int *out);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#include "c_api_refused.h"

#endif
