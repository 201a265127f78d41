// Frames as callers give them, turned into the arrays of deepaw.h.
#pragma once
#include <string>
#include <vector>

#include "handles.h"

namespace deepmd_c {

// Arguments of an evaluation (c_api.h), Real: double or float.
template <class Real>
struct Input {
    int nframes, natoms;
    const Real *coord;
    const int *atype;
    const Real *cell;
    int nghost = 0;
    const DP_Nlist *nlist = nullptr;
    const Real *fparam = nullptr;
    const Real *aparam = nullptr;
    bool mixed_types = false;  // atype has types of each frame

    int nlocal() const { return natoms - nghost; }
};

// Array of doubles of a caller: the array itself, or a converted copy of an array of floats.
class Doubles {
  public:
    Doubles(const double *values, size_t) : values_(values) {}
    Doubles(const float *values, size_t count) {
        if (values) copy_.assign(values, values + count);
        values_ = values ? copy_.data() : nullptr;
    }
    const double *get() const { return values_; }

  private:
    std::vector<double> copy_;
    const double *values_;
};

// Arguments of deepaw.h for one frame. nfparam, naparam: numbers of parameters of the model.
class Frame {
  public:
    template <class Real>
    Frame(const Input<Real> &input, int frame, int nfparam, int naparam);

    const deepaw_atoms &atoms() const { return atoms_; }
    const deepaw_neighbour_list *neighbours() const { return neighbours_; }

  private:
    Doubles coord_, cell_, fparam_;
    std::vector<double> aparam_;  // with rows of ghosts
    std::vector<int32_t> types_;
    const deepaw_neighbour_list *neighbours_;
    deepaw_atoms atoms_{};
};

// Throws Failure for numbers of frames and atoms that cannot be.
template <class Real>
void check(const Input<Real> &input);

// Array of a caller for results, which are computed as doubles; NULL for results that are not requested.
template <class Real>
class Output {
  public:
    Output(Real *destination, size_t count) : destination_(destination), values_(destination ? count : 0) {}
    double *get() { return destination_ ? values_.data() : nullptr; }
    void store() { std::copy(values_.begin(), values_.end(), destination_); }

  private:
    Real *destination_;
    std::vector<double> values_;
};

template <>
class Output<double> {
  public:
    Output(double *destination, size_t) : destination_(destination) {}
    double *get() { return destination_; }
    void store() {}

  private:
    double *destination_;
};

// Return the part of an array that belongs to a frame or a model of a number, or NULL without an array.
template <class Real>
Real *at(Real *array, size_t number, size_t width) {
    return array ? array + number * width : nullptr;
}

// Print the warning of a model on stderr, if there is one.
void print_warning(const Model &model);

}  // namespace deepmd_c
