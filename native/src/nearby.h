// Which of some points are within a distance of another one.
#pragma once

#include <cstdint>

namespace deepaw::DEEPAW_ISA {

// Append to `hits` the indices first ... last - 1 of points (x, y, z) with a squared distance to `centre` of at most
// `squared`, and return the end; there has to be room for all of them.
inline int32_t *find_nearby(const double *x, const double *y, const double *z, int64_t first, int64_t last,
                            const double *centre, double squared, int32_t *hits) {
    constexpr int BLOCK = 64;
    double distance[BLOCK];
    for (int64_t block = first; block < last; block += BLOCK) {
        const int size = int(last - block < BLOCK ? last - block : BLOCK);
        for (int c = 0; c < size; ++c) {
            const double dx = x[block + c] - centre[0], dy = y[block + c] - centre[1], dz = z[block + c] - centre[2];
            distance[c] = dx * dx + dy * dy + dz * dz;
        }
        for (int c = 0; c < size; ++c) {
            *hits = int32_t(block + c);
            hits += distance[c] <= squared;
        }
    }
    return hits;
}

}  // namespace deepaw::DEEPAW_ISA
