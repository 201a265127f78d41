// A model as it was prepared: what is common to all precisions, and the forms of one precision.
#pragma once

#include <string>
#include <vector>

#include "fitting.h"
#include "part.h"

namespace deepaw {

// A table of pair energies at short range: cubic splines, and the weight of the table by a soft minimum of distances.
struct ShortRange {
    double rmin = 0, rmax = 0, alpha = 0, first = 0, spacing = 0;
    int64_t pieces = 0;
    std::vector<double> coefficients;  // (ntypes, ntypes, pieces, 4)
    std::vector<double> shift;         // (ntypes), eV, added to energies of the table
};

// Let the tensors of a file have the names that its prepared form gives them. Throws ModelError as `Description`.
void resolve_names(ModelFile &file);

// What a model is. Throws ModelError: no prepared form, or that of a model which is not evaluated.
struct Description {
    std::string path, quantity, text;  // text: section `model` of the input file
    std::vector<std::string> types;
    Visibility visibility;
    std::vector<int64_t> sel;  // largest numbers of neighbours that the model counts with, by type or of all
    double closest = 0;        // shortest distance in the training data, A; 0 if it is not known
    std::vector<double> mask, bias;
    std::vector<double> fparam_mean, fparam_scale, aparam_mean, aparam_scale, default_fparam;
    bool has_default_fparam = false, fit_diag = false;
    std::vector<double> scale, shift;  // of polarizabilities
    bool has_table = false;
    ShortRange table;

    explicit Description(const ModelFile &file);

    int ntypes() const { return int(types.size()); }
    int tensor_size() const { return quantity == "dipole" ? 3 : quantity == "polar" ? 9 : 0; }
    int64_t nfparam() const { return int64_t(fparam_mean.size()); }
    int64_t naparam() const { return int64_t(aparam_mean.size()); }
};

// What centres of one type need.
template <class T>
struct Kind {
    std::vector<int64_t> offsets;  // first feature of each part; the last entry is their number
    std::vector<int64_t> vectors;  // first vector of each part; the last entry is their number
    FittingNet<T> net;
    bool isolated = false;      // whether the net's output for an isolated atom is subtracted
    int64_t channels = 0;       // columns of `directions`
    std::vector<T> directions;  // (vectors, channels): what vectors are multiplied by, or empty
};

// Everything for distances from `covers` (A) on.
template <class T>
struct Form {
    double covers = 0;
    bool ends = false;  // whether nothing can be said of shorter distances
    std::vector<std::unique_ptr<Part<T>>> parts;
    std::vector<Kind<T>> kinds;
};

// Forms of the precision of T, from that of the largest distances on.
template <class T>
std::vector<Form<T>> read_forms(const ModelFile &file, const Description &description);

}  // namespace deepaw
