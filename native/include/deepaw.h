/* C interface of DeePAW's potentials: energies, forces, virials, dipoles and polarizabilities of a trained model.
 *
 * A program includes this file and links libdeepaw (`deepaw c-api` prints where both are); it needs no Python. Models are
 * files that `deepaw freeze` and `deepaw convert` write (.safetensors).
 *
 * Units: A, eV, eV/A; tensors have the unit of the labels that the model was trained with. Arrays are row-major. All
 * functions may be called from several threads at a time, with one model too.
 */
#ifndef DEEPAW_H
#define DEEPAW_H

#include <stdint.h>

#if defined(_WIN32)
#define DEEPAW_PUBLIC __declspec(dllexport)
#else
#define DEEPAW_PUBLIC __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Number that changes with every incompatible change of this header. */
#define DEEPAW_VERSION 1
DEEPAW_PUBLIC int deepaw_version(void);

/* Sentence that says why the last call of this thread failed: deepaw_open returned NULL, or an evaluation not 0. */
DEEPAW_PUBLIC const char *deepaw_error(void);

/* ---- models ---------------------------------------------------------------------------------------------------- */

typedef struct deepaw_model deepaw_model;

/* Read a model. bits: 64 or 32, of the numbers that it computes with; arguments and results are double in both. Returns
 * NULL where there is no such file, or it is damaged, or a model that this library does not evaluate. */
DEEPAW_PUBLIC deepaw_model *deepaw_open(const char *path, int bits);
DEEPAW_PUBLIC void deepaw_close(deepaw_model *model);

/* Cutoff, A: neighbour lists given to the model have to contain all neighbours within it. */
DEEPAW_PUBLIC double deepaw_cutoff(const deepaw_model *model);

/* Number of types, and their names, such as "O"; "Type_0", "Type_1", ... where the model has none. Types are numbered
 * from 0; NULL for a type that there is not. */
DEEPAW_PUBLIC int deepaw_ntypes(const deepaw_model *model);
DEEPAW_PUBLIC const char *deepaw_type_name(const deepaw_model *model, int type);

/* Numbers of parameters of a frame and of an atom that evaluations need; default_fparam: what stands in for those of a
 * frame that gives none, or NULL. */
DEEPAW_PUBLIC int deepaw_nfparam(const deepaw_model *model);
DEEPAW_PUBLIC int deepaw_naparam(const deepaw_model *model);
DEEPAW_PUBLIC const double *deepaw_default_fparam(const deepaw_model *model);

/* 0 for a model of energies, 3 for one of dipoles, 9 for one of polarizabilities. */
DEEPAW_PUBLIC int deepaw_tensor_size(const deepaw_model *model);

/* Whether atoms of a type have the energy or the tensor that the model gives: 1, or 0 for types left out. */
DEEPAW_PUBLIC int deepaw_selects(const deepaw_model *model, int type);

/* Section `model` of the input file that the model was trained from, as JSON. */
DEEPAW_PUBLIC const char *deepaw_description(const deepaw_model *model);

/* ---- atoms ----------------------------------------------------------------------------------------------------- */

/* Atoms of one structure. Fill what does not apply with 0 ( deepaw_atoms atoms = {0}; ).
 *
 * natoms: number of atoms; with a neighbour list, including images of atoms ("ghosts").
 * coord: (natoms, 3). types: (natoms), or -1 for atoms that the model is not to see.
 * cell: (3, 3), rows are cell vectors; used where no neighbour list is given; NULL without periodicity.
 * open: (3), along which cell vectors there are no periodic images, 1 or 0.
 * fparam: (nfparam), or NULL. aparam: (natoms, naparam), or NULL; those of ghosts are not used.
 * numbers: (natoms), what atoms are called in sentences, or NULL: 1, 2, 3 ...
 */
typedef struct {
    int64_t natoms;
    const double *coord;
    const int32_t *types;
    const double *cell;
    uint8_t open[3];
    const double *fparam;
    const double *aparam;
    const int32_t *numbers;
} deepaw_atoms;

/* Neighbours of atoms, as LAMMPS lists them: neighbours of atom centres[i] are the counts[i] numbers at neighbours[i],
 * taken with the bits of `mask` (-1: all). Every pair is in the list of both of its atoms, as far as they are centres;
 * pairs beyond the cutoff may be there, too. What a model gives is summed over centres. */
typedef struct {
    int64_t ncentres;
    const int32_t *centres;
    const int32_t *counts;
    const int32_t *const *neighbours;
    int32_t mask;
} deepaw_neighbour_list;

/* ---- evaluation ------------------------------------------------------------------------------------------------ */

/* Where to write results; NULL: not wanted. What is there is overwritten.
 *
 * force: -dE/dr of all atoms, ghosts too, whose forces the caller adds to those of their atoms.
 * virial: sum of r F, (3, 3), positive where atoms push outwards. atom_virial: its shares of atoms, ghosts too.
 */
typedef struct {
    double *energy;      /* (1) */
    double *force;       /* (natoms, 3) */
    double *virial;      /* (3, 3) */
    double *atom_energy; /* (natoms); 0 for atoms that are no centres */
    double *atom_virial; /* (natoms, 3, 3) */
} deepaw_energy_result;

/* Evaluate a model of energies. list: NULL, and all atoms are centres and their neighbours, periodic images too, are
 * found. threads: that divide the atoms, 1 or more. Returns 0, or another number with a sentence in deepaw_error(). */
DEEPAW_PUBLIC int deepaw_evaluate(deepaw_model *model, const deepaw_atoms *atoms, const deepaw_neighbour_list *list,
                                  int threads, const deepaw_energy_result *result);

/* As deepaw_energy_result, for the tensor T = sum of atom_tensor, of n = deepaw_tensor_size() components: force and
 * virial are those of each component in place of the energy. */
typedef struct {
    double *tensor;      /* (n) */
    double *force;       /* (n, natoms, 3) */
    double *virial;      /* (n, 3, 3) */
    double *atom_tensor; /* (natoms, n) */
    double *atom_virial; /* (n, natoms, 3, 3) */
} deepaw_tensor_result;

/* Evaluate a model of dipoles or polarizabilities; arguments and errors as of deepaw_evaluate. */
DEEPAW_PUBLIC int deepaw_evaluate_tensor(deepaw_model *model, const deepaw_atoms *atoms,
                                         const deepaw_neighbour_list *list, int threads,
                                         const deepaw_tensor_result *result);

/* Sentence about what evaluations met that a model does not know, such as atoms much too close, or NULL. A sentence is
 * returned once. */
DEEPAW_PUBLIC const char *deepaw_take_warning(deepaw_model *model);

/* How much several models disagree: deviation of each row of `width` numbers from its mean over the models, the root of
 * the mean square over models of the length of the difference. values[m]: (rows, width), of model m. deviation: (rows).
 * Forces of atoms have width 3. */
DEEPAW_PUBLIC void deepaw_deviation(int nmodels, int64_t rows, int width, const double *const *values,
                                    double *deviation);

#ifdef __cplusplus
}
#endif
#endif
