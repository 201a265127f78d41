#include "frame.h"

#include <algorithm>
#include <cstdio>

namespace deepmd_c {

template <class Real>
void check(const Input<Real> &input) {
    if (input.nframes < 1)
        throw Failure("the number of frames is " + std::to_string(input.nframes) + ", not 1 or more.");
    if (input.natoms < 0 || input.nghost < 0 || input.nghost > input.natoms)
        throw Failure("of " + std::to_string(input.natoms) + " atoms " + std::to_string(input.nghost) +
                      " are ghosts; there are 0 ghosts or more, and no more than atoms.");
}

template <class Real>
Frame::Frame(const Input<Real> &input, int frame, int nfparam, int naparam)
    : coord_(at(input.coord, size_t(frame), 3 * size_t(input.natoms)), 3 * size_t(input.natoms)),
      cell_(at(input.cell, size_t(frame), 9), 9),
      fparam_(at(input.fparam, size_t(frame), size_t(nfparam)), size_t(nfparam)),
      neighbours_(input.nlist ? &input.nlist->list : nullptr) {
    const size_t natoms = size_t(input.natoms);
    const int *types = at(input.atype, input.mixed_types ? size_t(frame) : 0, natoms);
    types_.resize(natoms);
    std::transform(types, types + natoms, types_.begin(), [](int type) { return std::max(type, -1); });
    if (const size_t count = size_t(input.nlocal()) * size_t(naparam); input.aparam && count) {
        const Real *values = at(input.aparam, size_t(frame), count);
        aparam_.assign(values, values + count);
        aparam_.resize(natoms * size_t(naparam));
    }
    atoms_.natoms = input.natoms;
    atoms_.coord = coord_.get();
    atoms_.types = types_.data();
    atoms_.cell = cell_.get();
    atoms_.fparam = nfparam ? fparam_.get() : nullptr;
    atoms_.aparam = aparam_.empty() ? nullptr : aparam_.data();
}

void print_warning(const Model &model) {
    if (const char *sentence = deepaw_take_warning(model.get())) std::fprintf(stderr, "warning: %s\n", sentence);
}

template void check(const Input<double> &);
template void check(const Input<float> &);
template Frame::Frame(const Input<double> &, int, int, int);
template Frame::Frame(const Input<float> &, int, int, int);

}  // namespace deepmd_c
