#include "shortrange.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "error.h"

namespace deepaw {

double Mixture::spline(int centre, int neighbour, double r, double &slope) const {
    if (r < range_.first) {
        char sentence[128];
        std::snprintf(sentence, sizeof sentence,
                      "Two atoms are %.3g A apart; the table of model.use_srtab begins at %g A.", r, range_.first);
        throw ModelError(sentence);
    }
    const double place = (r - range_.first) / range_.spacing;
    const int64_t piece = int64_t(std::floor(place));
    slope = 0;
    if (piece >= range_.pieces) return 0;
    const double u = place - double(piece);
    const double *a = range_.coefficients.data() + 4 * ((centre * ntypes_ + neighbour) * range_.pieces + piece);
    slope = ((3 * a[0] * u + 2 * a[1]) * u + a[2]) / range_.spacing;
    return ((a[0] * u + a[1]) * u + a[2]) * u + a[3];
}

void Mixture::compute(const Table<double> &table) {
    weight_.assign(size_t(table.natoms), 0);
    energy_.assign(size_t(table.natoms), 0);
    weight_slope_.assign(size_t(table.pairs()), 0);
    energy_slope_.assign(size_t(table.pairs()), 0);
    const double *x = table.vector.data(), *y = x + table.stride, *z = y + table.stride;
    const auto distance = [&](int64_t pair) { return std::sqrt(x[pair] * x[pair] + y[pair] * y[pair] + z[pair] * z[pair]); };
    for (int64_t atom = 0; atom < table.natoms; ++atom) {
        const int64_t *rows = table.rows.data() + atom * ntypes_;
        double nearest = 1e300;
        for (int64_t pair = rows[0]; pair < rows[ntypes_]; ++pair) nearest = std::min(nearest, distance(pair));
        if (nearest >= range_.rmax) continue;  // the soft minimum is never less
        double total = 0, sigma = 0;
        for (int64_t pair = rows[0]; pair < rows[ntypes_]; ++pair) {
            const double r = distance(pair), factor = std::exp(-(r - nearest) / range_.alpha);
            total += factor;
            sigma += factor * r;
        }
        sigma /= total;
        const double u = std::clamp((sigma - range_.rmin) / (range_.rmax - range_.rmin), 0.0, 1.0);
        const double w = u * u * u * (-6 * u * u + 15 * u - 10) + 1;
        const double slope = -30 / (range_.rmax - range_.rmin) * (u * (u - 1)) * (u * (u - 1));
        if (w == 0) continue;
        weight_[size_t(atom)] = w;
        for (int type = 0; type < ntypes_; ++type)
            for (int64_t pair = rows[type]; pair < rows[type + 1]; ++pair) {
                const double r = distance(pair), factor = std::exp(-(r - nearest) / range_.alpha);
                double pair_slope;
                const double pair_energy = spline(int(table.types[size_t(atom)]), type, r, pair_slope);
                energy_[size_t(atom)] += pair_energy / 2;
                weight_slope_[size_t(pair)] = slope * factor / total * (1 - (r - sigma) / range_.alpha);
                energy_slope_[size_t(pair)] = w * pair_slope / 2;
            }
    }
}

void Mixture::blend(const Table<double> &table, double *energy, std::vector<double> &grad_vector) const {
    grad_vector.assign(size_t(3 * table.stride), 0);
    for (int64_t atom = 0; atom < table.natoms; ++atom) {
        const double w = weight_[size_t(atom)];
        if (w == 0) continue;
        const double difference =
            energy_[size_t(atom)] + range_.shift[size_t(table.types[size_t(atom)])] - energy[atom];
        energy[atom] += w * difference;
        for (int64_t pair = table.rows[size_t(atom * ntypes_)]; pair < table.rows[size_t((atom + 1) * ntypes_)]; ++pair) {
            double vector[3], squared = 0;
            for (int64_t axis = 0; axis < 3; ++axis) {
                vector[axis] = table.vector[size_t(axis * table.stride + pair)];
                squared += vector[axis] * vector[axis];
            }
            const double along =
                (energy_slope_[size_t(pair)] + difference * weight_slope_[size_t(pair)]) / std::sqrt(squared);
            for (int64_t axis = 0; axis < 3; ++axis)
                grad_vector[size_t(axis * table.stride + pair)] = along * vector[axis];
        }
    }
}

}  // namespace deepaw
