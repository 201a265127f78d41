// From derivatives in the vectors of pairs to forces and virials, and the transpose.
#include "pairforces.h"

namespace deepaw {
namespace {

template <class T>
void transpose_forces(const deepaw_neighbours &neighbours, int32_t ntypes, const double *grad_force,
                      const double *grad_virial, int64_t first, const int64_t *frame, T *tangent,
                      int64_t far) {
    const int64_t stride = neighbours.stride;
    const T *vector = static_cast<const T *>(neighbours.vector);
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t *rows = neighbours.rows + atom * ntypes;
        const double *here = grad_force + 3 * (first + atom);
        for (int64_t pair = rows[0]; pair < rows[ntypes]; ++pair) {
            const double *there = grad_force + 3 * int64_t(neighbours.neighbour[pair]);
            for (int a = 0; a < 3; ++a) tangent[a * far + pair] = T(here[a] - there[a]);
        }
        if (!grad_virial) continue;
        const double *of_frame = grad_virial + 9 * (frame ? frame[atom] : 0);
        for (int a = 0; a < 3; ++a) {
            const T x = T(of_frame[3 * a]), y = T(of_frame[3 * a + 1]), z = T(of_frame[3 * a + 2]);
            for (int64_t pair = rows[0]; pair < rows[ntypes]; ++pair)
                tangent[a * far + pair] -=
                    x * vector[pair] + y * vector[stride + pair] + z * vector[2 * stride + pair];
        }
    }
}

}  // namespace
}  // namespace deepaw

using namespace deepaw;

void deepaw_forces(const deepaw_neighbours *neighbours, int32_t ntypes, const void *grad_vector, int64_t stride,
                   int64_t first, const int64_t *frame, double *force, double *virial, double *atom_virial, int32_t bytes) {
    const auto centre = [first](int64_t atom) { return first + atom; };
    if (bytes == 4)
        add_forces(*neighbours, ntypes, static_cast<const float *>(grad_vector), stride, centre, frame, force, virial,
                   atom_virial);
    else
        add_forces(*neighbours, ntypes, static_cast<const double *>(grad_vector), stride, centre, frame, force, virial,
                   atom_virial);
}

void deepaw_forces_transposed(const deepaw_neighbours *neighbours, int32_t ntypes, const double *grad_force,
                              const double *grad_virial, int64_t first, const int64_t *frame, void *tangent_vector,
                              int64_t stride, int32_t bytes) {
    if (bytes == 4)
        transpose_forces(*neighbours, ntypes, grad_force, grad_virial, first, frame,
                         static_cast<float *>(tangent_vector), stride);
    else
        transpose_forces(*neighbours, ntypes, grad_force, grad_virial, first, frame,
                         static_cast<double *>(tangent_vector), stride);
}
