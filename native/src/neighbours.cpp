// Neighbour lists, which stay as they are while atoms move a little.
#include <algorithm>
#include <memory>
#include <thread>

#include "cellgrid.h"

using namespace deepaw;

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

constexpr double FARTHEST = 1e8;  // cells from the first one, at which an atom may be

// Images, their shifts, and the atoms inside of their cells; returns whether all are where numbers can say.
bool place_atoms(deepaw_list &list, const double *coord, double cutoff) {
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
        for (int d = 0; d < 3; ++d) {
            if (!(std::abs(f[d]) < FARTHEST)) return false;
            list.wraps[size_t(atom)][d] = cell.periodic[d] ? -int(std::floor(f[d])) : 0;
        }
    }
    list.move(coord);
    return true;
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
        if (!place_atoms(*list, coord, cutoff)) return nullptr;
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
