#include "neighbourhood.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "error.h"

namespace deepaw {

Neighbourhood::Neighbourhood(const deepaw_atoms &atoms, const deepaw_neighbour_list *list,
                             const Visibility &visibility, int threads)
    : coord_(atoms.coord), types_(atoms.types), visibility_(visibility) {
    for (int64_t atom = 0; atom < atoms.natoms; ++atom) {
        if (types_[atom] >= visibility.ntypes)
            throw ModelError("atom " + std::to_string(atom + 1) + " has type " + std::to_string(types_[atom]) +
                             "; the model has types 0 to " + std::to_string(visibility.ntypes - 1) + ".");
        for (int axis = 0; axis < 3; ++axis)
            if (types_[atom] >= 0 && !std::isfinite(coord_[3 * atom + axis]))
                throw ModelError("atom " + std::to_string(atom + 1) + " has a position that is not a finite number.");
    }
    if (list)
        use_list(*list);
    else
        find_all(atoms, threads);
}

Neighbourhood::Neighbourhood(const deepaw_list *list, int64_t natoms, const int32_t *types, const Visibility &visibility)
    : coord_(nullptr), types_(types), visibility_(visibility), centres_(size_t(natoms)), sorted_(list) {
    std::iota(centres_.begin(), centres_.end(), 0);
    first_.assign(size_t(visibility.ntypes) + 1, 0);
    for (int64_t atom = 0; atom < natoms; ++atom) ++first_[size_t(types[atom]) + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    count_listed();
}

Neighbourhood::~Neighbourhood() { deepaw_list_free(own_); }

void Neighbourhood::use_list(const deepaw_neighbour_list &list) {
    list_ = &list;
    first_.assign(size_t(visibility_.ntypes) + 1, 0);
    for (int64_t row = 0; row < list.ncentres; ++row)
        if (const int type = types_[list.centres[row]]; type >= 0) ++first_[size_t(type) + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    centres_.resize(size_t(first_.back()));
    rows_of_list_.resize(centres_.size());
    std::vector<int64_t> next(first_.begin(), first_.end() - 1);
    for (int64_t row = 0; row < list.ncentres; ++row) {
        const int type = types_[list.centres[row]];
        if (type < 0) continue;
        const size_t position = size_t(next[size_t(type)]++);
        centres_[position] = list.centres[row];
        rows_of_list_[position] = int32_t(row);
    }
    listed_.assign(1, 0);
    for (const int32_t row : rows_of_list_) listed_.push_back(listed_.back() + list.counts[row]);
}

void Neighbourhood::find_all(const deepaw_atoms &atoms, int threads) {
    for (int64_t atom = 0; atom < atoms.natoms; ++atom)
        if (types_[atom] >= 0) centres_.push_back(int32_t(atom));
    std::stable_sort(centres_.begin(), centres_.end(), [&](int32_t a, int32_t b) { return types_[a] < types_[b]; });
    const size_t count = centres_.size();
    std::vector<double> coord(3 * count);
    std::vector<int32_t> types(count);
    first_.assign(size_t(visibility_.ntypes) + 1, 0);
    for (size_t centre = 0; centre < count; ++centre) {
        std::copy_n(coord_ + 3 * int64_t(centres_[centre]), 3, coord.data() + 3 * centre);
        types[centre] = types_[centres_[centre]];
        ++first_[size_t(types[centre]) + 1];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    double cell[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    uint8_t periodic[3] = {0, 0, 0};
    if (atoms.cell) {
        std::copy_n(atoms.cell, 9, cell);
        for (int d = 0; d < 3; ++d) periodic[d] = !atoms.open[d];
    }
    own_ = deepaw_list_build(int64_t(count), coord.data(), types.data(), visibility_.ntypes, 1, nullptr, cell, periodic,
                             visibility_.cutoff, threads);
    if (!own_)
        throw ModelError("neighbours cannot be found: the cell has no volume, a number in it is not finite, or an atom is "
                         "absurdly far away.");
    sorted_ = own_;
    count_listed();
}

void Neighbourhood::count_listed() {
    const int64_t *rows = deepaw_list_rows(sorted_);
    listed_.resize(centres_.size() + 1);
    for (size_t centre = 0; centre < listed_.size(); ++centre)
        listed_[centre] = rows[int64_t(centre) * visibility_.ntypes];
}

void Neighbourhood::list_candidates(int64_t centre, std::vector<Candidate> &candidates) const {
    const int32_t row = rows_of_list_[size_t(centre)], mask = list_->mask;
    const int32_t *others = list_->neighbours[row];
    const double *from = coord_ + 3 * int64_t(centres_[size_t(centre)]);
    const double squared_cutoff = visibility_.cutoff * visibility_.cutoff;
    for (int32_t n = 0; n < list_->counts[row]; ++n) {
        const int32_t other = others[n] & mask;
        const double *to = coord_ + 3 * int64_t(other);
        const double x = to[0] - from[0], y = to[1] - from[1], z = to[2] - from[2];
        const double squared = x * x + y * y + z * z;
        if (squared <= squared_cutoff && types_[other] >= 0)
            candidates.push_back({other, types_[other], {x, y, z}, squared});
    }
}

// Of more neighbours than a model counts the farthest go first, then pairs of types that are no neighbours.
void Neighbourhood::drop_invisible(int type, std::vector<Candidate> &candidates) const {
    if (visibility_.most >= 0 && int64_t(candidates.size()) > visibility_.most) {
        std::stable_sort(candidates.begin(), candidates.end(),
                         [](const Candidate &a, const Candidate &b) { return a.squared < b.squared; });
        candidates.resize(size_t(visibility_.most));
    }
    if (!visibility_.excludes_pairs) return;
    const uint8_t *visible = visibility_.neighbours.data() + type * visibility_.ntypes;
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                    [&](const Candidate &candidate) { return !visible[candidate.type]; }),
                     candidates.end());
}

template <class T>
void Neighbourhood::gather(int64_t first, int64_t last, Table<T> &table, std::vector<Closest> &nearest,
                           GatherSpace &space) const {
    const int ntypes = visibility_.ntypes, type = types_[centres_[size_t(first)]];
    const int64_t most = listed(first, last);
    table.natoms = last - first;
    table.types.assign(size_t(table.natoms), type);
    table.rows.assign(size_t(table.natoms * ntypes + 1), 0);
    if (int64_t(table.neighbour.size()) < most) {
        table.neighbour.resize(size_t(most));
        table.vector.resize(size_t(3 * most));
    }
    table.stride = int64_t(table.neighbour.size());
    nearest.assign(size_t(table.natoms), Closest{});
    if (sorted_) {
        space.rows.resize(table.rows.size());
        space.neighbour.resize(size_t(most) + 1);  // one place more: what is beyond the cutoff is written, then passed over
        space.vector.resize(3 * space.neighbour.size());
        deepaw_list_gather(sorted_, first, last, visibility_.cutoff, most + 1, space.rows.data(), space.neighbour.data(),
                           space.vector.data(), 8);
    }
    T *vector[3];
    for (int axis = 0; axis < 3; ++axis) vector[axis] = table.vector.data() + axis * table.stride;
    int64_t filled = 0;
    std::vector<Candidate> &candidates = space.candidates;
    for (int64_t here = 0; here < table.natoms; ++here) {
        candidates.clear();
        if (sorted_)
            for (int64_t pair = space.rows[size_t(here * ntypes)]; pair < space.rows[size_t((here + 1) * ntypes)]; ++pair) {
                const double x = space.vector[size_t(pair)], y = space.vector[size_t(most + 1 + pair)],
                             z = space.vector[size_t(2 * (most + 1) + pair)];
                const int32_t other = centres_[size_t(space.neighbour[size_t(pair)])];
                candidates.push_back({other, types_[other], {x, y, z}, x * x + y * y + z * z});
            }
        else
            list_candidates(first + here, candidates);
        drop_invisible(type, candidates);
        space.counts.assign(size_t(ntypes), 0);
        Closest &closest = nearest[size_t(here)];
        for (const Candidate &candidate : candidates) {
            ++space.counts[size_t(candidate.type)];
            if (candidate.squared < closest.distance)
                closest = {candidate.squared, {centres_[size_t(first + here)], candidate.atom}};
        }
        closest.distance = std::sqrt(closest.distance);
        for (int t = 0; t < ntypes; ++t) {
            const int64_t count = space.counts[size_t(t)];
            space.counts[size_t(t)] = filled;
            filled += count;
            table.rows[size_t(here * ntypes + t + 1)] = filled;
        }
        for (const Candidate &candidate : candidates) {
            const int64_t place = space.counts[size_t(candidate.type)]++;
            table.neighbour[size_t(place)] = candidate.atom;
            for (int axis = 0; axis < 3; ++axis) vector[axis][place] = T(candidate.vector[axis]);
        }
    }
}

template <class T>
bool keep_nearest(const Table<T> &table, int ntypes, const std::vector<int64_t> &limits, Table<T> &kept,
                  std::vector<int64_t> &index) {
    const bool together = limits.size() == 1;
    const int64_t groups = together ? table.natoms : table.natoms * ntypes, step = together ? ntypes : 1;
    const auto limit = [&](int64_t group) { return limits[together ? 0 : size_t(group % ntypes)]; };
    bool any = false;
    for (int64_t group = 0; group < groups && !any; ++group)
        any = table.rows[size_t((group + 1) * step)] - table.rows[size_t(group * step)] > limit(group);
    if (!any) return false;
    index.clear();
    kept.natoms = table.natoms;
    kept.types = table.types;
    kept.rows.assign(1, 0);
    std::vector<int64_t> pairs;
    const auto squared = [&](int64_t pair) {
        double total = 0;
        for (int axis = 0; axis < 3; ++axis) {
            const double x = double(table.vector[size_t(axis * table.stride + pair)]);
            total += x * x;
        }
        return total;
    };
    for (int64_t group = 0; group < groups; ++group) {
        const int64_t begin = table.rows[size_t(group * step)], end = table.rows[size_t((group + 1) * step)];
        pairs.resize(size_t(end - begin));
        std::iota(pairs.begin(), pairs.end(), begin);
        if (end - begin > limit(group)) {
            std::stable_sort(pairs.begin(), pairs.end(), [&](int64_t a, int64_t b) { return squared(a) < squared(b); });
            pairs.resize(size_t(limit(group)));
            std::sort(pairs.begin(), pairs.end());
        }
        auto next = pairs.begin();
        for (int64_t row = group * step; row < (group + 1) * step; ++row) {
            for (; next != pairs.end() && *next < table.rows[size_t(row) + 1]; ++next) index.push_back(*next);
            kept.rows.push_back(int64_t(index.size()));
        }
    }
    kept.stride = int64_t(index.size());
    kept.neighbour.resize(index.size());
    kept.vector.resize(3 * index.size());
    for (size_t pair = 0; pair < index.size(); ++pair) {
        kept.neighbour[pair] = table.neighbour[size_t(index[pair])];
        for (int64_t axis = 0; axis < 3; ++axis)
            kept.vector[size_t(axis * kept.stride) + pair] = table.vector[size_t(axis * table.stride + index[pair])];
    }
    return true;
}

template void Neighbourhood::gather(int64_t, int64_t, Table<float> &, std::vector<Closest> &, GatherSpace &) const;
template void Neighbourhood::gather(int64_t, int64_t, Table<double> &, std::vector<Closest> &, GatherSpace &) const;
template bool keep_nearest(const Table<float> &, int, const std::vector<int64_t> &, Table<float> &, std::vector<int64_t> &);
template bool keep_nearest(const Table<double> &, int, const std::vector<int64_t> &, Table<double> &,
                           std::vector<int64_t> &);

}  // namespace deepaw
