// Pairs within a cutoff: images of atoms around the box are written out, sorted into cells, and looked up.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "cell.h"
#include "kernels.h"

namespace deepaw {

// Numbers whose memory grows without being cleared or, where the system can move pages, copied.
class Numbers {
  public:
    Numbers() = default;
    Numbers(const Numbers &) = delete;
    Numbers &operator=(const Numbers &) = delete;
    ~Numbers() { std::free(data_); }

    int32_t *data() { return data_; }
    const int32_t *data() const { return data_; }
    size_t size() const { return size_; }
    int32_t operator[](size_t index) const { return data_[index]; }

    void swap(Numbers &other) {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

    void resize(size_t size) {
        if (size > capacity_) reserve(std::max(size, capacity_ + capacity_ / 2));
        size_ = size;
    }

    void reserve(size_t capacity) {
        void *memory = std::realloc(data_, std::max<size_t>(capacity, 1) * sizeof(int32_t));
        if (!memory) throw std::bad_alloc();
        data_ = static_cast<int32_t *>(memory);
        capacity_ = capacity;
    }

  private:
    int32_t *data_ = nullptr;
    size_t size_ = 0, capacity_ = 0;
};

// Pairs of some atoms, one after the other.
struct Pairs {
    std::vector<int64_t> counts;  // of each atom and type
    Numbers neighbour, image;

    // Make room for `atoms` atoms like those that are here.
    void expect(size_t here, size_t atoms) {
        const size_t pairs = neighbour.size() / here * atoms + neighbour.size();
        neighbour.reserve(pairs + pairs / 16);
        image.reserve(pairs + pairs / 16);
    }
};

// Atoms of one frame and their images, sorted into cells of about half of the cutoff.
class CellGrid {
  public:
    // images: how many there are of each direction on either side.
    CellGrid(const Cell &cell, const std::vector<int64_t> &atoms, const std::vector<Vec3> &position,
             const int32_t *types, double cutoff, const std::array<int, 3> &images)
        : cell_(cell), cutoff_(cutoff) {
        std::vector<Vec3> points;
        std::vector<Vec3> fractions;
        std::vector<int32_t> atom, image;
        Vec3 low, high;
        low.fill(std::numeric_limits<double>::infinity());
        high.fill(-std::numeric_limits<double>::infinity());
        for (int64_t number : atoms) {
            const Vec3 f = cell.fractional(position[number]);
            std::array<int, 3> from, to;
            for (int d = 0; d < 3; ++d) {
                const double reach = cutoff / cell.height[d] * (1 + 1e-12);
                from[d] = cell.periodic[d] ? int(std::ceil(-reach - f[d])) : 0;
                to[d] = cell.periodic[d] ? int(std::floor(1 + reach - f[d])) : 0;
            }
            for (int i = from[0]; i <= to[0]; ++i)
                for (int j = from[1]; j <= to[1]; ++j)
                    for (int k = from[2]; k <= to[2]; ++k) {
                        points.push_back(cell.shifted(position[number], {i, j, k}));
                        fractions.push_back({f[0] + i, f[1] + j, f[2] + k});
                        atom.push_back(int32_t(number));
                        image.push_back(((i + images[0]) * (2 * images[1] + 1) + j + images[1]) * (2 * images[2] + 1) +
                                        k + images[2]);
                        for (int d = 0; d < 3; ++d) {
                            low[d] = std::min(low[d], fractions.back()[d]);
                            high[d] = std::max(high[d], fractions.back()[d]);
                        }
                    }
        }
        sort_into_bins(points, fractions, atom, image, types, low, high);
    }

    // Append the pairs of an atom at `position`, whose image without a shift is itself.
    void find(int64_t self, int32_t unshifted, const Vec3 &position, int32_t ntypes, Pairs &pairs) {
        const Vec3 f = cell_.fractional(position);
        std::array<int64_t, 3> from, to;
        for (int d = 0; d < 3; ++d) {
            const double reach = cutoff_ / cell_.height[d] * (1 + 1e-12);
            from[d] = bin(d, f[d] - reach);
            to[d] = bin(d, f[d] + reach);
        }
        const double squared = cutoff_ * cutoff_;
        size_t count = 0;
        for (int64_t i = from[0]; i <= to[0]; ++i)
            for (int64_t j = from[1]; j <= to[1]; ++j) {
                const int64_t row = (i * bins_[1] + j) * bins_[2];
                const int64_t begin = first_[row + from[2]], end = first_[row + to[2] + 1];
                if (hits_.size() < count + size_t(end - begin) + 8) hits_.resize(2 * (count + size_t(end - begin)) + 8);
                int32_t *hit = hits_.data() + count;
                hit = kernels().find_nearby(x_.data(), y_.data(), z_.data(), begin, end, position.data(),
                                                    squared, hit);
                count = size_t(hit - hits_.data());
            }
        // by type, in the order of the cells
        const size_t before = pairs.counts.size();
        pairs.counts.resize(before + size_t(ntypes), 0);
        int64_t *counts = pairs.counts.data() + before;
        size_t kept = 0;
        for (size_t h = 0; h < count; ++h) {
            const int32_t point = hits_[h];
            if (atom_[point] == self && image_[point] == unshifted) continue;
            hits_[kept++] = point;
            ++counts[type_[point]];
        }
        const size_t start = pairs.neighbour.size();
        pairs.neighbour.resize(start + kept);
        pairs.image.resize(start + kept);
        place_.resize(size_t(ntypes));
        int32_t *neighbour = pairs.neighbour.data(), *image = pairs.image.data();
        size_t place = start;
        for (int32_t type = 0; type < ntypes; ++type) {
            place_[size_t(type)] = place;
            place += size_t(counts[type]);
        }
        for (size_t h = 0; h < kept; ++h) {
            const int32_t point = hits_[h];
            const size_t at = place_[size_t(type_[point])]++;
            neighbour[at] = atom_[point];
            image[at] = image_[point];
        }
    }

  private:
    int64_t bin(int d, double fraction) const {
        const double at = (fraction - low_[d]) * per_bin_[d];
        return at <= 0 ? 0 : std::min(bins_[d] - 1, int64_t(at));
    }

    void sort_into_bins(const std::vector<Vec3> &points, const std::vector<Vec3> &fractions,
                        const std::vector<int32_t> &atom, const std::vector<int32_t> &image,
                        const int32_t *types, const Vec3 &low, const Vec3 &high) {
        const double most = std::cbrt(4.0 * double(points.size()) + 64);  // no more cells than a few for each atom
        for (int d = 0; d < 3; ++d) {
            const double extent = std::max(high[d] - low[d], 1e-12), size = d == 2 ? cutoff_ / 4 : cutoff_ / 2;
            const double wanted = std::floor(extent * cell_.height[d] / size);
            bins_[d] = int64_t(std::clamp(wanted, 1.0, std::max(1.0, most)));
            low_[d] = low[d];
            per_bin_[d] = double(bins_[d]) / extent;
        }
        std::vector<int64_t> where(points.size());
        first_.assign(size_t(bins_[0] * bins_[1] * bins_[2]) + 1, 0);
        for (size_t p = 0; p < points.size(); ++p) {
            where[p] = (bin(0, fractions[p][0]) * bins_[1] + bin(1, fractions[p][1])) * bins_[2] + bin(2, fractions[p][2]);
            ++first_[size_t(where[p]) + 1];
        }
        std::partial_sum(first_.begin(), first_.end(), first_.begin());
        std::vector<int64_t> next(first_.begin(), first_.end() - 1);
        x_.resize(points.size()), y_.resize(points.size()), z_.resize(points.size());
        atom_.resize(points.size()), image_.resize(points.size()), type_.resize(points.size());
        for (size_t p = 0; p < points.size(); ++p) {
            const size_t at = size_t(next[size_t(where[p])]++);
            x_[at] = points[p][0], y_[at] = points[p][1], z_[at] = points[p][2];
            atom_[at] = atom[p], image_[at] = image[p], type_[at] = types[atom[p]];
        }
    }

    Cell cell_;
    double cutoff_;
    std::array<int64_t, 3> bins_;
    Vec3 low_, per_bin_;
    std::vector<int64_t> first_;
    std::vector<double> x_, y_, z_;
    std::vector<int32_t> atom_, image_, type_;
    std::vector<int32_t> hits_;     // of `find`
    std::vector<size_t> place_;
};

}  // namespace deepaw
