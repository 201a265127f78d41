// Neighbour lists by cells: images of atoms around the box are written out, sorted into cells, and looked up.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include "kernels.h"

namespace {

using Vec3 = std::array<double, 3>;

Vec3 cross(const Vec3 &a, const Vec3 &b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double dot(const Vec3 &a, const Vec3 &b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

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
                if (hits_.size() < count + size_t(end - begin)) hits_.resize(2 * (count + size_t(end - begin)));
                int32_t *hit = hits_.data() + count;
                hit = deepaw::kernels().find_nearby(x_.data(), y_.data(), z_.data(), begin, end, position.data(),
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

}  // namespace

struct deepaw_list {
    int64_t natoms = 0;
    int32_t ntypes = 0;
    std::vector<int32_t> frame;
    std::vector<Cell> cells;
    std::vector<std::array<int, 3>> images;    // of each frame
    std::vector<std::vector<Vec3>> shifts;     // of each frame, by image
    std::vector<std::array<int, 3>> wraps;     // of each atom, into the cell
    std::vector<Vec3> position;                // wrapped
    std::vector<int64_t> rows;
    Numbers neighbour, image;

    void move(const double *coord) {
        for (int64_t atom = 0; atom < natoms; ++atom)
            position[size_t(atom)] =
                cells[size_t(frame[size_t(atom)])].shifted({coord[3 * atom], coord[3 * atom + 1], coord[3 * atom + 2]},
                                                           wraps[size_t(atom)]);
    }

    Vec3 vector(int64_t atom, int64_t pair) const {
        const Vec3 &shift = shifts[size_t(frame[size_t(atom)])][size_t(image[size_t(pair)])];
        const Vec3 &from = position[size_t(atom)], &to = position[size_t(neighbour[size_t(pair)])];
        return {to[0] - from[0] + shift[0], to[1] - from[1] + shift[1], to[2] - from[2] + shift[2]};
    }
};

namespace {

constexpr int64_t ATOMS_FOR_A_THREAD = 2048;
constexpr int64_t SAMPLE = 256;  // atoms that say how many pairs there will be

// Images, their shifts, and the atoms inside of their cells.
void place_atoms(deepaw_list &list, const double *coord, double cutoff) {
    const size_t nframes = list.cells.size();
    list.images.resize(nframes);
    list.shifts.resize(nframes);
    for (size_t f = 0; f < nframes; ++f) {
        const Cell &cell = list.cells[f];
        for (int d = 0; d < 3; ++d)
            list.images[f][d] = cell.periodic[d] ? int(std::ceil(cutoff / cell.height[d] * (1 + 1e-12))) + 1 : 0;
        for (int i = -list.images[f][0]; i <= list.images[f][0]; ++i)
            for (int j = -list.images[f][1]; j <= list.images[f][1]; ++j)
                for (int k = -list.images[f][2]; k <= list.images[f][2]; ++k)
                    list.shifts[f].push_back(cell.shifted({0, 0, 0}, {i, j, k}));
    }
    list.wraps.resize(size_t(list.natoms));
    list.position.resize(size_t(list.natoms));
    for (int64_t atom = 0; atom < list.natoms; ++atom) {
        const Cell &cell = list.cells[size_t(list.frame[size_t(atom)])];
        const Vec3 f = cell.fractional({coord[3 * atom], coord[3 * atom + 1], coord[3 * atom + 2]});
        for (int d = 0; d < 3; ++d)
            list.wraps[size_t(atom)][d] = cell.periodic[d] ? -int(std::floor(f[d])) : 0;
    }
    list.move(coord);
}

// Move numbers to the end of others.
void append(Numbers &to, Numbers &from) {
    const size_t before = to.size();
    to.resize(before + from.size());
    std::copy(from.data(), from.data() + from.size(), to.data() + before);
    Numbers().swap(from);
}

void find_pairs(deepaw_list &list, const int32_t *types, double cutoff, int32_t threads) {
    const size_t nframes = list.cells.size();
    std::vector<std::vector<int64_t>> atoms(nframes);
    for (int64_t atom = 0; atom < list.natoms; ++atom) atoms[size_t(list.frame[size_t(atom)])].push_back(atom);
    std::vector<std::unique_ptr<CellGrid>> grids;
    std::vector<int32_t> unshifted;
    for (size_t f = 0; f < nframes; ++f) {
        grids.push_back(std::make_unique<CellGrid>(list.cells[f], atoms[f], list.position, types, cutoff, list.images[f]));
        unshifted.push_back(int32_t(list.shifts[f].size() / 2));
    }
    const int64_t shares = std::max<int64_t>(1, std::min<int64_t>(threads, list.natoms / ATOMS_FOR_A_THREAD));
    std::vector<Pairs> found(static_cast<size_t>(shares));
    std::vector<char> failed(static_cast<size_t>(shares), 0);
    const auto work = [&](int64_t share) {
        try {
            std::unique_ptr<CellGrid> copy;  // `find` has memory of its own
            const int64_t first = list.natoms * share / shares, last = list.natoms * (share + 1) / shares;
            for (int64_t atom = first; atom < last; ++atom) {
                if (atom - first == SAMPLE) found[size_t(share)].expect(SAMPLE, size_t(last - first));
                const size_t f = size_t(list.frame[size_t(atom)]);
                CellGrid *grid = grids[f].get();
                if (share > 0) {
                    if (!copy || nframes > 1) copy = std::make_unique<CellGrid>(*grids[f]);
                    grid = copy.get();
                }
                grid->find(atom, unshifted[f], list.position[size_t(atom)], list.ntypes, found[size_t(share)]);
            }
        } catch (const std::bad_alloc &) {
            failed[size_t(share)] = 1;
        }
    };
    std::vector<std::thread> others;
    for (int64_t share = 1; share < shares; ++share) others.emplace_back(work, share);
    work(0);
    for (std::thread &other : others) other.join();
    if (std::any_of(failed.begin(), failed.end(), [](char each) { return each; })) throw std::bad_alloc();
    list.rows.assign(1, 0);
    list.rows.reserve(size_t(list.natoms) * size_t(list.ntypes) + 1);
    list.neighbour.swap(found[0].neighbour);
    list.image.swap(found[0].image);
    for (size_t share = 0; share < found.size(); ++share) {
        Pairs &pairs = found[share];
        for (int64_t count : pairs.counts) list.rows.push_back(list.rows.back() + count);
        if (share == 0) continue;
        append(list.neighbour, pairs.neighbour);
        append(list.image, pairs.image);
    }
}

template <class T>
int64_t gather(const deepaw_list &list, int64_t first, int64_t last, double cutoff, int64_t stride, int64_t *rows,
               int32_t *neighbour, T *vector) {
    const double squared = cutoff * cutoff;
    int64_t count = 0;
    rows[0] = 0;
    for (int64_t atom = first; atom < last; ++atom)
        for (int32_t type = 0; type < list.ntypes; ++type) {
            const int64_t row = atom * list.ntypes + type;
            for (int64_t pair = list.rows[size_t(row)]; pair < list.rows[size_t(row) + 1]; ++pair) {
                const Vec3 v = list.vector(atom, pair);
                neighbour[count] = list.neighbour[size_t(pair)];
                for (int axis = 0; axis < 3; ++axis) vector[axis * stride + count] = T(v[size_t(axis)]);
                count += dot(v, v) <= squared;
            }
            rows[row - first * list.ntypes + 1] = count;
        }
    return count;
}

}  // namespace

deepaw_list *deepaw_list_build(int64_t natoms, const double *coord, const int32_t *types, int32_t ntypes,
                               int32_t nframes, const int32_t *frame, const double *cells, const uint8_t *periodic,
                               double cutoff, int32_t threads) {
    try {
        auto list = std::make_unique<deepaw_list>();
        list->natoms = natoms;
        list->ntypes = ntypes;
        if (frame)
            list->frame.assign(frame, frame + natoms);
        else
            list->frame.assign(size_t(natoms), 0);
        list->cells.resize(size_t(nframes));
        for (int32_t f = 0; f < nframes; ++f)
            if (!list->cells[size_t(f)].set(cells + 9 * f, periodic + 3 * f)) return nullptr;
        place_atoms(*list, coord, cutoff);
        find_pairs(*list, types, cutoff, threads);
        return list.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void deepaw_list_free(deepaw_list *list) { delete list; }

int64_t deepaw_list_pairs(const deepaw_list *list) { return int64_t(list->neighbour.size()); }

const int64_t *deepaw_list_rows(const deepaw_list *list) { return list->rows.data(); }

const int32_t *deepaw_list_neighbour(const deepaw_list *list) { return list->neighbour.data(); }

void deepaw_list_move(deepaw_list *list, const double *coord) { list->move(coord); }

double deepaw_list_shortest(const deepaw_list *list, int64_t *pair) {
    double shortest = std::numeric_limits<double>::infinity();
    for (int64_t atom = 0; atom < list->natoms; ++atom)
        for (int64_t p = list->rows[size_t(atom * list->ntypes)]; p < list->rows[size_t((atom + 1) * list->ntypes)]; ++p) {
            const Vec3 v = list->vector(atom, p);
            const double squared = dot(v, v);
            if (squared < shortest) {
                shortest = squared;
                pair[0] = atom;
                pair[1] = list->neighbour[size_t(p)];
            }
        }
    return std::sqrt(shortest);
}

int64_t deepaw_list_gather(const deepaw_list *list, int64_t first, int64_t last, double cutoff, int64_t stride,
                           int64_t *rows, int32_t *neighbour, void *vector, int32_t bytes) {
    if (bytes == 4) return gather(*list, first, last, cutoff, stride, rows, neighbour, static_cast<float *>(vector));
    return gather(*list, first, last, cutoff, stride, rows, neighbour, static_cast<double *>(vector));
}
