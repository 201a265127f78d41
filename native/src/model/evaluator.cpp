#include "evaluator.h"

#include <cstdio>

#include "error.h"

namespace deepaw {

void Evaluator::warn(const std::string &kind, const std::string &sentence) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (warned_.insert(kind).second) waiting_.push_back(sentence);
}

const char *Evaluator::take_warning() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_.empty()) return nullptr;
    taken_ = waiting_.front();
    waiting_.erase(waiting_.begin());
    return taken_.c_str();
}

namespace {

template <class T>
void fill_columns(std::vector<T> &rows, int64_t width, int64_t first, const double *values, int64_t step,
                  const std::vector<double> &mean, const std::vector<double> &scale) {
    const int64_t count = int64_t(mean.size()), atoms = int64_t(rows.size()) / width;
    for (int64_t atom = 0; atom < atoms; ++atom)
        for (int64_t c = 0; c < count; ++c)
            rows[size_t(atom * width + first + c)] =
                T((values[atom * step + c] - mean[size_t(c)]) * scale[size_t(c)]);
}

}  // namespace

template <class T>
std::vector<T> normalised_parameters(const Description &description, const deepaw_atoms &atoms) {
    const int64_t nfparam = description.nfparam(), naparam = description.naparam(), width = nfparam + naparam;
    const double *fparam = atoms.fparam;
    if (!fparam && description.has_default_fparam) fparam = description.default_fparam.data();
    if (nfparam && !fparam)
        throw ModelError("fparam is missing; the model needs " + std::to_string(nfparam) + " for each frame.");
    if (naparam && !atoms.aparam)
        throw ModelError("aparam is missing; the model needs " + std::to_string(naparam) + " for each atom.");
    std::vector<T> rows(size_t(atoms.natoms * width));
    if (nfparam) fill_columns(rows, width, 0, fparam, 0, description.fparam_mean, description.fparam_scale);
    if (naparam)
        fill_columns(rows, width, nfparam, atoms.aparam, naparam, description.aparam_mean, description.aparam_scale);
    return rows;
}

template std::vector<float> normalised_parameters(const Description &, const deepaw_atoms &);
template std::vector<double> normalised_parameters(const Description &, const deepaw_atoms &);

std::string name_of(const deepaw_atoms &atoms, int64_t atom) {
    return std::to_string(atoms.numbers ? int64_t(atoms.numbers[atom]) : atom + 1);
}

namespace {

std::string pair_of(const deepaw_atoms &atoms, const Closest &closest) {
    return "atoms " + name_of(atoms, closest.atoms[0]) + " and " + name_of(atoms, closest.atoms[1]);
}

}  // namespace

std::string sentence_too_close(const deepaw_atoms &atoms, const Closest &closest) {
    char distance[32];
    std::snprintf(distance, sizeof distance, "%.3g", closest.distance);
    return pair_of(atoms, closest) + " are " + distance + " A apart";
}

std::string sentence_on_one_spot(const deepaw_atoms &atoms, const Closest &closest) {
    return pair_of(atoms, closest) + " are on one spot, perhaps as periodic images; no forces are defined there.";
}

}  // namespace deepaw
