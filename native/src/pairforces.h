// From derivatives in the vectors of pairs to forces and virials.
#pragma once

#include "deepaw_native.h"

namespace deepaw {

// Add to force (atoms, 3) and, unless NULL, virial (nframes, 3, 3) and atom_virial (atoms, 3, 3); centre(i): the number of
// the i-th centre among all atoms. frame: (natoms), of the centres, or NULL for frame 0. Virials belong to neighbours.
template <class T, class Centre>
void add_forces(const deepaw_neighbours &neighbours, int32_t ntypes, const T *gradient, int64_t far, Centre centre,
                const int64_t *frame, double *force, double *virial, double *atom_virial) {
    const int64_t stride = neighbours.stride;
    const T *vector = static_cast<const T *>(neighbours.vector);
    for (int64_t atom = 0; atom < neighbours.natoms; ++atom) {
        const int64_t *rows = neighbours.rows + atom * ntypes;
        const int64_t begin = rows[0], end = rows[ntypes];
        double total[3] = {0, 0, 0}, stress[9] = {0};
        for (int64_t pair = begin; pair < end; ++pair) {
            const double g[3] = {double(gradient[pair]), double(gradient[far + pair]),
                                 double(gradient[2 * far + pair])};
            double *of_neighbour = force + 3 * int64_t(neighbours.neighbour[pair]);
            for (int a = 0; a < 3; ++a) {
                total[a] += g[a];
                of_neighbour[a] -= g[a];
            }
            if (atom_virial) {
                double *of_atom = atom_virial + 9 * int64_t(neighbours.neighbour[pair]);
                for (int a = 0; a < 3; ++a)
                    for (int b = 0; b < 3; ++b) of_atom[3 * a + b] -= g[a] * double(vector[b * stride + pair]);
            }
        }
        if (virial)
            for (int a = 0; a < 3; ++a)
                for (int b = 0; b < 3; ++b) {
                    const T *g = gradient + a * far, *v = vector + b * stride;
                    double lanes[4] = {0, 0, 0, 0};  // in a fixed order, and side by side
                    int64_t pair = begin;
                    for (; pair + 4 <= end; pair += 4)
                        for (int lane = 0; lane < 4; ++lane)
                            lanes[lane] += double(g[pair + lane]) * double(v[pair + lane]);
                    for (; pair < end; ++pair) lanes[0] += double(g[pair]) * double(v[pair]);
                    stress[3 * a + b] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
                }
        for (int a = 0; a < 3; ++a) force[3 * int64_t(centre(atom)) + a] += total[a];
        if (virial) {
            double *of_frame = virial + 9 * (frame ? frame[atom] : 0);
            for (int entry = 0; entry < 9; ++entry) of_frame[entry] -= stress[entry];
        }
    }
}

}  // namespace deepaw
