// Cells of frames, with a direction for every axis.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace deepaw {

using Vec3 = std::array<double, 3>;

inline Vec3 cross(const Vec3 &a, const Vec3 &b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

inline double dot(const Vec3 &a, const Vec3 &b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// A cell with a direction for every axis: along those that are not periodic, a unit vector normal to the others.
struct Cell {
    std::array<Vec3, 3> rows, inverse;  // inverse[d]: fractional coordinate d is its product with a position
    std::array<bool, 3> periodic;
    Vec3 height;  // between the faces of each direction

    // Whether the vectors span a volume.
    bool set(const double *cell, const uint8_t *is_periodic) {
        int count = 0;
        for (int d = 0; d < 3; ++d) {
            periodic[d] = is_periodic[d] != 0;
            if (periodic[d]) {
                rows[d] = {cell[3 * d], cell[3 * d + 1], cell[3 * d + 2]};
                ++count;
            }
        }
        if (count == 0) rows = {Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}};
        for (int d = 0; count == 2 && d < 3; ++d)
            if (!periodic[d]) rows[d] = unit(cross(rows[(d + 1) % 3], rows[(d + 2) % 3]));
        for (int d = 0; count == 1 && d < 3; ++d)
            if (periodic[d]) {
                const Vec3 along = unit(rows[d]);
                Vec3 other = {0, 0, 0};
                other[std::abs(along[0]) < 0.6 ? 0 : 1] = 1;
                rows[(d + 1) % 3] = unit(cross(along, other));
                rows[(d + 2) % 3] = cross(along, rows[(d + 1) % 3]);
            }
        const double volume = dot(rows[0], cross(rows[1], rows[2]));
        for (int d = 0; d < 3; ++d) {
            const Vec3 normal = cross(rows[(d + 1) % 3], rows[(d + 2) % 3]);
            height[d] = std::abs(volume) / std::sqrt(dot(normal, normal));
            for (int a = 0; a < 3; ++a) inverse[d][a] = normal[a] / volume;
            if (!(height[d] > 0) || !std::isfinite(height[d])) return false;
        }
        return true;
    }

    Vec3 fractional(const Vec3 &position) const {
        return {dot(inverse[0], position), dot(inverse[1], position), dot(inverse[2], position)};
    }

    Vec3 shifted(Vec3 position, const std::array<int, 3> &image) const {
        for (int d = 0; d < 3; ++d)
            for (int a = 0; a < 3; ++a) position[a] += image[d] * rows[d][a];
        return position;
    }

  private:
    static Vec3 unit(const Vec3 &vector) {
        const double length = std::sqrt(dot(vector, vector));
        return {vector[0] / length, vector[1] / length, vector[2] / length};
    }
};

}  // namespace deepaw
