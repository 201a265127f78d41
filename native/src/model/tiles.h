// Tiles of centres of one type, and what a thread needs to evaluate them.
#pragma once

#include <algorithm>
#include <exception>
#include <thread>

#include "evaluator.h"
#include "memory.h"

namespace deepaw {

// Memory of one thread.
template <class T>
struct Workspace {
    GatherSpace gather;
    Table<T> table;
    Table<double> wide;  // the same neighbours in double, for a table at short range
    std::vector<Closest> nearest;
    std::vector<PartSpace<T>> parts;
    FittingSpace<T> fitting;
    Buffer<T> features, grad_features, grad_vector, grad_vectors, parameters, grad_outputs;
    std::vector<double> energy, wide_gradient;
    Closest closest;                // of all tiles of the thread
    int64_t crowded = -1;           // an atom with more neighbours than the model counts with
    std::vector<std::vector<double>> force, virial, atom_virial;  // of each component that is differentiated
};

// Workspaces that are kept from one evaluation to the next.
template <class T>
class WorkspacePool {
  public:
    std::unique_ptr<Workspace<T>> take() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (idle_.empty()) return std::make_unique<Workspace<T>>();
        auto workspace = std::move(idle_.back());
        idle_.pop_back();
        return workspace;
    }

    void give_back(std::unique_ptr<Workspace<T>> workspace) {
        const std::lock_guard<std::mutex> lock(mutex_);
        idle_.push_back(std::move(workspace));
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace<T>>> idle_;
};

struct Tile {
    int kind;
    int64_t first, last;
};

constexpr int64_t TILE_ATOMS = 96, TILE_PAIRS = 48'000;  // arrays of a tile stay in a processor's cache

// Tiles of centres begin ... end - 1, of types that count.
inline std::vector<Tile> make_tiles(const Neighbourhood &neighbourhood, const Description &description, int64_t begin,
                                    int64_t end_of_all) {
    std::vector<Tile> tiles;
    for (int kind = 0; kind < description.ntypes(); ++kind) {
        if (description.mask[size_t(kind)] == 0) continue;
        const int64_t end = std::min(neighbourhood.first(kind + 1), end_of_all);
        for (int64_t first = std::max(neighbourhood.first(kind), begin), last = first; first < end; first = last) {
            while (last < end && last - first < TILE_ATOMS &&
                   (last == first || neighbourhood.listed(first, last + 1) <= TILE_PAIRS))
                ++last;
            tiles.push_back({kind, first, last});
        }
    }
    return tiles;
}

// Call work(share) for each share, each on a thread of its own; the first error is thrown when all have ended.
template <class Work>
void each_share(int64_t shares, Work work) {
    std::vector<std::exception_ptr> errors(static_cast<size_t>(shares));
    const auto guarded = [&](int64_t share) {
        try {
            work(share);
        } catch (...) {
            errors[size_t(share)] = std::current_exception();
        }
    };
    std::vector<std::thread> threads;
    for (int64_t share = 1; share < shares; ++share) threads.emplace_back(guarded, share);
    guarded(0);
    for (std::thread &thread : threads) thread.join();
    for (const std::exception_ptr &error : errors)
        if (error) std::rethrow_exception(error);
}

// Neighbours and features of one tile; with `backward`, dE/dr of its pairs.
template <class T>
class TilePasses {
  public:
    TilePasses(const Description &description, const Form<T> &form, const Neighbourhood &neighbourhood,
               Workspace<T> &space)
        : description_(description), form_(form), neighbourhood_(neighbourhood), space_(space) {
        space.parts.resize(form.parts.size());
    }

    void gather(const Tile &tile) {
        neighbourhood_.gather(tile.first, tile.last, space_.table, space_.nearest, space_.gather);
        const auto &sel = description_.sel;
        const int ntypes = description_.ntypes();
        for (int64_t atom = 0; atom < space_.table.natoms && space_.crowded < 0; ++atom) {
            const int64_t *rows = space_.table.rows.data() + atom * ntypes;
            bool crowded = sel.size() == 1 && rows[ntypes] - rows[0] > sel[0];
            for (int type = 0; type < ntypes && sel.size() == size_t(ntypes); ++type)
                crowded = crowded || rows[type + 1] - rows[type] > sel[size_t(type)];
            if (crowded) space_.crowded = neighbourhood_.atom(tile.first + atom);
        }
    }

    // Features (natoms, features) in space.features.
    void forward(const Tile &tile) {
        const Kind<T> &kind = form_.kinds[size_t(tile.kind)];
        const int64_t stride = kind.offsets.back();
        T *features = sized(space_.features, space_.table.natoms * stride);
        for (size_t number = 0; number < form_.parts.size(); ++number) {
            PartSpace<T> &part = space_.parts[number];
            const auto &limits = form_.parts[number]->limits;
            part.drops = !limits.empty() &&
                         keep_nearest(space_.table, description_.ntypes(), limits, part.kept, part.index);
            form_.parts[number]->forward(tile.kind, part.drops ? part.kept : space_.table,
                                         features + kind.offsets[number], stride, part);
        }
    }

    // dE/dr in space.grad_vector, (3, stride of the table), from space.grad_features and grad_vectors, (natoms, 3, vectors of
    // all parts) or NULL.
    void backward(const Tile &tile, const T *grad_vectors) {
        const Kind<T> &kind = form_.kinds[size_t(tile.kind)];
        const Table<T> &table = space_.table;
        T *gradient = sized(space_.grad_vector, 3 * table.stride);
        bool add = false;
        for (size_t number = 0; number < form_.parts.size(); ++number) {
            PartSpace<T> &part = space_.parts[number];
            const T *of_part = space_.grad_features.data() + kind.offsets[number];
            const int64_t first = kind.vectors[number], count = kind.vectors[number + 1] - first;
            const T *vectors = nullptr;
            if (grad_vectors && count > 0) {
                T *own = sized(part.features, 3 * table.natoms * count);
                for (int64_t row = 0; row < 3 * table.natoms; ++row)
                    std::copy_n(grad_vectors + row * kind.vectors.back() + first, count, own + row * count);
                vectors = own;
            }
            if (!part.drops) {
                form_.parts[number]->backward(tile.kind, table, of_part, kind.offsets.back(), vectors, gradient, add, part);
            } else {
                T *kept = sized(part.grad_kept, 3 * part.kept.stride + 1);
                form_.parts[number]->backward(tile.kind, part.kept, of_part, kind.offsets.back(), vectors, kept, false,
                                              part);
                for (int64_t axis = 0; axis < 3; ++axis) {
                    T *to = gradient + axis * table.stride;
                    if (!add) std::fill_n(to, table.pairs(), T(0));
                    for (size_t pair = 0; pair < part.index.size(); ++pair)
                        to[part.index[pair]] += kept[size_t(axis * part.kept.stride) + pair];
                }
            }
            add = true;
        }
    }

  private:
    const Description &description_;
    const Form<T> &form_;
    const Neighbourhood &neighbourhood_;
    Workspace<T> &space_;
};

}  // namespace deepaw
