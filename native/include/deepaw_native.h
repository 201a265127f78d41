/* C interface of the compiled part of DeePAW: neighbour lists, the pair operator, forces and activations.
 *
 * Everything is row-major. `bytes` says which numbers an array marked `real` holds: 4 for float, 8 for double. Functions
 * are reentrant and run on the calling thread, but for deepaw_list_build, which takes a number of threads. Lengths are
 * in Angstrom. Atoms are sorted by type wherever an array `types` appears.
 */
#ifndef DEEPAW_NATIVE_H
#define DEEPAW_NATIVE_H

#include <stdint.h>

#include "deepaw.h"

#if defined(_WIN32)
#define DEEPAW_API __declspec(dllexport)
#else
#define DEEPAW_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Number that changes with every incompatible change of this header. */
#define DEEPAW_NATIVE_VERSION 2
DEEPAW_API int deepaw_native_version(void);

/* Name of the instruction set that kernels use on this processor: "avx512", "avx2" or "baseline". */
DEEPAW_API const char *deepaw_instruction_set(void);

/* ---- neighbour lists ------------------------------------------------------------------------------------------- */

typedef struct deepaw_list deepaw_list;

/* Neighbour list of all pairs within `cutoff`, both directions of each, periodic images included.
 *
 * coord: (natoms, 3). types: (natoms). frame: (natoms), the frame of each atom, or NULL for one frame. cells:
 * (nframes, 3, 3), rows are cell vectors; ignored along directions that are not periodic. periodic: (nframes, 3).
 * threads: used where there are many atoms. Returns NULL where a cell has no volume, a number is not finite or an
 * atom absurdly far away, or memory is exhausted.
 */
DEEPAW_API deepaw_list *deepaw_list_build(int64_t natoms, const double *coord, const int32_t *types, int32_t ntypes,
                                          int32_t nframes, const int32_t *frame, const double *cells,
                                          const uint8_t *periodic, double cutoff, int32_t threads);
DEEPAW_API void deepaw_list_free(deepaw_list *list);

/* Number of pairs, and rows: (natoms * ntypes + 1), where neighbours of type t of atom i are the pairs
 * rows[i * ntypes + t] to rows[i * ntypes + t + 1] - 1. neighbour: (pairs). */
DEEPAW_API int64_t deepaw_list_pairs(const deepaw_list *list);
DEEPAW_API const int64_t *deepaw_list_rows(const deepaw_list *list);
DEEPAW_API const int32_t *deepaw_list_neighbour(const deepaw_list *list);

/* Move the atoms to other positions (natoms, 3); the pairs stay. */
DEEPAW_API void deepaw_list_move(deepaw_list *list, const double *coord);

/* Shortest distance of all pairs where the atoms are now, or infinity; the two atoms in `pair`. */
DEEPAW_API double deepaw_list_shortest(const deepaw_list *list, int64_t *pair);

/* Pairs of atoms first ... last - 1 within `cutoff`: rows ((last - first) * ntypes + 1) from 0, neighbour (pairs), real
 * vector (3, stride), r_neighbour - r_centre, of which the first `pairs` columns are filled. Returns the number of
 * pairs. stride: at least the number of pairs that the list has for these atoms. */
DEEPAW_API int64_t deepaw_list_gather(const deepaw_list *list, int64_t first, int64_t last, double cutoff,
                                      int64_t stride, int64_t *rows, int32_t *neighbour, void *vector, int32_t bytes);

/* ---- the pair operator ------------------------------------------------------------------------------------------ */

/* Moments B[c, t, k] = sum_j R_c(r_ij) T_k(s_ij) of the neighbours j of type t, with the rows R of a descriptor and
 * Chebyshev polynomials T_k of s on [0, high]; see docs/potential.md. */
typedef struct {
    int32_t ntypes, components; /* components: 4, R = (s, s x/r, s y/r, s z/r) normalised, or 1, R = 1 */
    int32_t polynomials;        /* K */
    int32_t fading;             /* whether there are moments of all types together, then with w(r) of each type */
    int32_t fixed_slots;        /* whether excluded neighbours take a slot */
    double rcut, rcut_smth, protection, high;
    const double *mean;   /* (ntypes, components), of rows, by type of the centre */
    const double *scale;  /* (ntypes, components), 1 / standard deviation */
    const uint8_t *excluded; /* (ntypes, ntypes) */
    const double *slots;  /* (ntypes), neighbours that count */
    const double *empty;  /* (ntypes, components, K), what an empty slot adds, by type of the centre */
    const double *hidden; /* (ntypes, components, K), what an excluded neighbour that takes a slot adds */
} deepaw_pair_form;

/* Neighbours of atoms: those of type t of atom i are columns rows[i * ntypes + t] to rows[i * ntypes + t + 1] - 1 of
 * vector (3, stride). types: (natoms), of the centres. */
typedef struct {
    int64_t natoms, stride;
    const int64_t *types;
    const int64_t *rows;
    const int32_t *neighbour;
    const void *vector; /* real */
} deepaw_neighbours;

/* moments: real (natoms, components, groups, K), with groups = ntypes, or 1 + ntypes where types fade. */
DEEPAW_API void deepaw_moments_forward(const deepaw_pair_form *form, const deepaw_neighbours *neighbours,
                                       void *moments, int32_t bytes);

/* grad_vector: real (3, stride), dE/dr of every pair from grad_moments = dE/dB, like moments; columns of pairs that are
 * excluded become 0. add: whether it is added to what is there. */
DEEPAW_API void deepaw_moments_vjp(const deepaw_pair_form *form, const deepaw_neighbours *neighbours,
                                   const void *grad_moments, void *grad_vector, int64_t stride, int32_t add,
                                   int32_t bytes);

/* tangent_moments: like moments, dB for displacements tangent_vector, real (3, stride), of the pairs. */
DEEPAW_API void deepaw_moments_jvp(const deepaw_pair_form *form, const deepaw_neighbours *neighbours,
                                   const void *tangent_vector, int64_t stride, void *tangent_moments, int32_t bytes);

/* ---- forces ------------------------------------------------------------------------------------------------------ */

/* Add to force (all atoms, 3) and, unless NULL, virial (nframes, 3, 3) and atom_virial (all atoms, 3, 3) what
 * derivatives grad_vector (3, stride) are worth; the centres are atoms first, first + 1, ... frame: (natoms), of the
 * centres, or NULL for frame 0. */
DEEPAW_API void deepaw_forces(const deepaw_neighbours *neighbours, int32_t ntypes, const void *grad_vector,
                              int64_t stride, int64_t first, const int64_t *frame, double *force, double *virial, double *atom_virial,
                              int32_t bytes);

/* The transpose: tangent_vector (3, stride) of gradients in force (all atoms, 3) and, unless NULL, virial. */
DEEPAW_API void deepaw_forces_transposed(const deepaw_neighbours *neighbours, int32_t ntypes,
                                         const double *grad_force, const double *grad_virial, int64_t first,
                                         const int64_t *frame, void *tangent_vector, int64_t stride,
                                         int32_t bytes);

/* ---- products of columns ---------------------------------------------------------------------------------------- */

/* products: real (natoms, count), P[p, q] = sum_c Q[c, p] Q[c, q] of Q, real (natoms, components, columns) with 4
 * components or 1, for all columns p and q <= min(p, axes - 1), row after row; count = columns * axes
 * - axes * (axes - 1) / 2. */
DEEPAW_API void deepaw_products_forward(int64_t natoms, int32_t components, int32_t columns, int32_t axes,
                                        const void *Q, void *products, int32_t bytes);

/* grad_Q, like Q, from grad_products = dE/dP. */
DEEPAW_API void deepaw_products_backward(int64_t natoms, int32_t components, int32_t columns, int32_t axes,
                                         const void *Q, const void *grad_products, void *grad_Q, int32_t bytes);

/* ---- evaluation of sorted atoms ---------------------------------------------------------------------------------- */

/* A model from the content of a file with its prepared form; as deepaw_open. */
DEEPAW_API deepaw_model *deepaw_open_bytes(const void *bytes, int64_t size, int32_t bits);

/* Add to force, virial and, unless NULL, atom_virial what centres first ... last - 1 of a list give, and write their
 * atom_energy; `energy` is not used. types: (natoms), sorted. parameters: (natoms, nfparam + naparam), normalised, or
 * NULL. The model's first form is used, whatever the distances. Returns 0, or 1 with a sentence in deepaw_error(). */
DEEPAW_API int32_t deepaw_evaluate_sorted(deepaw_model *model, const deepaw_list *list, int64_t natoms,
                                          const int32_t *types, const double *parameters, int64_t first, int64_t last,
                                          int32_t threads, const deepaw_energy_result *result);

/* ---- activations -------------------------------------------------------------------------------------------------- */

/* value = tanh(z), first = its derivative and, unless NULL, second = its second derivative, of `count` numbers. */
DEEPAW_API void deepaw_tanh(int64_t count, const void *z, void *value, void *first, void *second, int32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
