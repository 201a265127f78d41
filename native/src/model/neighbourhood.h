// Centres sorted by type, with the neighbours that a model sees of them.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "deepaw.h"
#include "deepaw_native.h"
#include "memory.h"

namespace deepaw {

// The nearest pair of atoms that was met: their distance, A, and their numbers.
struct Closest {
    double distance = 1e300;
    std::array<int64_t, 2> atoms = {0, 0};

    void add(const Closest &other) {
        if (other.distance < distance) *this = other;
    }
};

// Neighbours of some centres of one type, grouped by type, in the numbers of an evaluation.
template <class T>
struct Table {
    int64_t natoms = 0, stride = 0;
    std::vector<int64_t> types;      // (natoms), of the centres
    std::vector<int64_t> rows;       // (natoms * ntypes + 1)
    std::vector<int32_t> neighbour;  // (pairs), numbers of atoms
    Buffer<T> vector;                // (3, stride), A

    int64_t pairs() const { return rows.empty() ? 0 : rows.back(); }

    deepaw_neighbours view() const {
        return {natoms, stride, types.data(), rows.data(), neighbour.data(), vector.data()};
    }
};

// A neighbour of one centre: its number, its type, r_neighbour - r_centre and the square of its length.
struct Candidate {
    int32_t atom, type;
    double vector[3], squared;
};

// Memory of `Neighbourhood::gather`.
struct GatherSpace {
    std::vector<Candidate> candidates;
    std::vector<int64_t> counts, rows;
    std::vector<int32_t> neighbour;
    std::vector<double> vector;
};

// Which neighbours a model, or a part of its descriptor, takes into account.
struct Visibility {
    int ntypes = 0;
    double cutoff = 0;
    std::vector<uint8_t> neighbours;  // (ntypes, ntypes), 0: pairs of types that are no neighbours
    bool excludes_pairs = false;
    int64_t most = -1;  // neighbours of any type, of which the nearest are kept; -1: all
};

// Atoms as they are given: where they are, and which are neighbours. Throws ModelError where a position is not finite, a
// type is none of the model's, or a cell has no volume.
class Neighbourhood {
  public:
    Neighbourhood(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, const Visibility &visibility, int threads);

    // Atoms of a list, sorted by type, each of which is a centre; the list has to live as long.
    Neighbourhood(const deepaw_list *list, int64_t natoms, const int32_t *types, const Visibility &visibility);
    ~Neighbourhood();
    Neighbourhood(const Neighbourhood &) = delete;
    Neighbourhood &operator=(const Neighbourhood &) = delete;

    // Centres of type t are those numbered first(t) ... first(t + 1) - 1; atom(c) is the atom's number.
    int64_t first(int type) const { return first_[size_t(type)]; }
    int64_t atom(int64_t centre) const { return centres_[size_t(centre)]; }

    // At most so many pairs of centres first ... last - 1 are listed.
    int64_t listed(int64_t first, int64_t last) const { return listed_[size_t(last)] - listed_[size_t(first)]; }

    // Fill the table of centres first ... last - 1, of one type. nearest: (last - first), the nearest neighbour of each.
    template <class T>
    void gather(int64_t first, int64_t last, Table<T> &table, std::vector<Closest> &nearest, GatherSpace &space) const;

  private:
    void use_list(const deepaw_neighbour_list &list);
    void find_all(const deepaw_atoms &atoms, int threads);
    void count_listed();
    void list_candidates(int64_t centre, std::vector<Candidate> &candidates) const;
    void drop_invisible(int type, std::vector<Candidate> &candidates) const;

    const double *coord_;
    const int32_t *types_;
    const Visibility &visibility_;
    std::vector<int64_t> first_, listed_;
    std::vector<int32_t> centres_;
    std::vector<int32_t> rows_of_list_;  // of each centre, in the caller's list
    const deepaw_neighbour_list *list_ = nullptr;
    const deepaw_list *sorted_ = nullptr;  // of atoms in the order of centres
    deepaw_list *own_ = nullptr;           // the same, where it was made here
};

// Copy the nearest limits[t] neighbours of each type, or limits[0] of all types together if that is all there is, to
// `kept`; index: their places in `table`. Returns false, and copies nothing, where no centre has more.
template <class T>
bool keep_nearest(const Table<T> &table, int ntypes, const std::vector<int64_t> &limits, Table<T> &kept,
                  std::vector<int64_t> &index);

}  // namespace deepaw
