// Evaluation of a model on atoms: tiles of centres, shared among threads.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "deepaw.h"
#include "model.h"

namespace deepaw {

// A model in one precision.
class Evaluator {
  public:
    explicit Evaluator(const ModelFile &file) : description(file) {}
    virtual ~Evaluator() = default;

    // Both throw ModelError, and write nothing then.
    virtual void evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                          const deepaw_energy_result &result) = 0;
    virtual void evaluate(const deepaw_atoms &atoms, const deepaw_neighbour_list *list, int threads,
                          const deepaw_tensor_result &result) = 0;

    // Energies, forces and virials of centres first ... last - 1 of a list, added to what is there. parameters: (natoms,
    // nfparam + naparam), normalised, or NULL. The first form is used, whatever the distances.
    virtual void evaluate_sorted(const deepaw_list *list, int64_t natoms, const int32_t *types, const double *parameters,
                                 int64_t first, int64_t last, int threads, const deepaw_energy_result &result) = 0;

    // The oldest warning that was not taken yet, or NULL; it is valid until the next call.
    const char *take_warning();

    const Description description;

  protected:
    // Remember a warning; of each kind only the first.
    void warn(const std::string &kind, const std::string &sentence);

  private:
    std::mutex mutex_;
    std::set<std::string> warned_;
    std::vector<std::string> waiting_;
    std::string taken_;
};

// bits: 64 or 32. Throws ModelError as of reading a model.
std::unique_ptr<Evaluator> make_evaluator(ModelFile file, int bits);

// Parameters of all atoms as the fitting nets read them, (natoms, nfparam + naparam). Throws ModelError where some are
// missing.
template <class T>
std::vector<T> normalised_parameters(const Description &description, const deepaw_atoms &atoms);

// What an atom is called in sentences.
std::string name_of(const deepaw_atoms &atoms, int64_t atom);

// Sentences on what evaluations met.
std::string sentence_too_close(const deepaw_atoms &atoms, const Closest &closest);
std::string sentence_on_one_spot(const deepaw_atoms &atoms, const Closest &closest);

}  // namespace deepaw
