// Parts of a descriptor: from neighbours to the features that a fitting net reads, and back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "matrix.h"
#include "modelfile.h"
#include "neighbourhood.h"

namespace deepaw {

// Memory of a part while a tile is evaluated; what `forward` left there is read by `backward`.
template <class T>
struct PartSpace {
    Buffer<T> moments, grad_moments, Q, grad_Q, features, scratch, packed;
    Table<T> kept;               // neighbours of a part that drops some
    std::vector<int64_t> index;  // their places among all
    Buffer<T> grad_kept;
    bool drops = false;
};

template <class T>
class Part {
  public:
    virtual ~Part() = default;

    // Number of features of a centre of a type; of vectors that turn with the surroundings, 0 for a part without any.
    virtual int64_t features(int kind) const = 0;
    virtual int64_t functions(int kind) const = 0;

    // Features (natoms, features) of the centres of a table, of type `kind`, in rows of `stride`.
    virtual void forward(int kind, const Table<T> &table, T *features, int64_t stride, PartSpace<T> &space) const = 0;

    // grad_vector (3, stride of the table), dE/dr of pairs, from that of the features and, unless NULL, of the vectors,
    // (natoms, 3, functions). add: to what is there.
    virtual void backward(int kind, const Table<T> &table, const T *grad_features, int64_t stride, const T *grad_vectors,
                          T *grad_vector, bool add, PartSpace<T> &space) const = 0;

    // Limits of neighbours beyond which the farthest are dropped (keep_nearest), or none.
    std::vector<int64_t> limits;
};

// The part that settings describe; prefix: of the tensors of its form. kinds: settings of each type of centre.
template <class T>
std::unique_ptr<Part<T>> read_pair_part(const ModelFile &file, const std::string &form, int number, const Json &settings,
                                        const std::vector<Json> &kinds, int ntypes);
template <class T>
std::unique_ptr<Part<T>> read_triple_part(const ModelFile &file, const std::string &form, int number,
                                          const Json &settings, int ntypes);

}  // namespace deepaw
