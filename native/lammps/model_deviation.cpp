#include "model_deviation.h"

#include <atom.h>
#include <comm.h>
#include <deepaw.h>
#include <error.h>
#include <update.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

using namespace LAMMPS_NS;

ModelDeviation::ModelDeviation(LAMMPS *lmp, const deepaw::Settings &settings) :
    Pointers(lmp), atomic(settings.atomic), relative(settings.relative), relative_v(settings.relative_v)
{
  if (comm->me == 0) file.reset(fopen(settings.out_file.c_str(), "w"));
  int failure = comm->me == 0 && !file ? errno : 0;
  MPI_Bcast(&failure, 1, MPI_INT, 0, world);
  if (failure != 0) error->all(FLERR, settings.out_file + " cannot be written: " + strerror(failure) + ".");
  if (!file) return;
  fprintf(file.get(), "#%11s", "step");
  for (const char *name :
       {"max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f"})
    fprintf(file.get(), " %18s", name);
  fprintf(file.get(), "%s\n", atomic ? "         atm_devi_f" : "");
  fflush(file.get());
}

void ModelDeviation::write(const Predictions &predictions)
{
  const std::vector<double> deviations = force_deviations(predictions);
  double natoms = 0.0;
  const Summary forces = summarize_forces(deviations, predictions.visible, natoms);
  const Summary virials = summarize_virials(predictions, natoms);
  std::vector<double> columns(virials.begin(), virials.end());
  columns.insert(columns.end(), forces.begin(), forces.end());
  if (atomic) {
    const std::vector<double> atom_deviations = collect(deviations);
    columns.insert(columns.end(), atom_deviations.begin(), atom_deviations.end());
  }
  if (!file) return;
  fprintf(file.get(), "%12lld", static_cast<long long>(update->ntimestep));
  for (const double number : columns) fprintf(file.get(), " %18.10e", number);
  fprintf(file.get(), "\n");
  fflush(file.get());
}

std::vector<double> ModelDeviation::force_deviations(const Predictions &predictions) const
{
  const std::size_t nmodels = predictions.forces.size();
  std::vector<double> deviations(atom->nlocal);
  deepaw_deviation(static_cast<int>(nmodels), atom->nlocal, 3, predictions.forces.data(), deviations.data());
  for (std::size_t i = 0; i < deviations.size() && relative > 0.0; i++) {
    double square = 0.0;
    for (std::size_t k = 3 * i; k < 3 * i + 3; k++) {
      double mean = 0.0;
      for (const double *force : predictions.forces) mean += force[k] / static_cast<double>(nmodels);
      square += mean * mean;
    }
    deviations[i] /= std::sqrt(square) + relative;
  }
  return deviations;
}

ModelDeviation::Summary ModelDeviation::summarize_forces(const std::vector<double> &deviations,
                                                         const std::vector<bool> &visible, double &natoms) const
{
  double extremes[2] = {0.0, -std::numeric_limits<double>::max()};    // largest, and smallest with the other sign
  double sums[2] = {0.0, 0.0}, all_extremes[2], all_sums[2];
  for (std::size_t i = 0; i < deviations.size(); i++) {
    if (!visible[i]) continue;
    extremes[0] = std::max(extremes[0], deviations[i]);
    extremes[1] = std::max(extremes[1], -deviations[i]);
    sums[0] += deviations[i];
    sums[1] += 1.0;
  }
  MPI_Allreduce(extremes, all_extremes, 2, MPI_DOUBLE, MPI_MAX, world);
  MPI_Allreduce(sums, all_sums, 2, MPI_DOUBLE, MPI_SUM, world);
  natoms = all_sums[1];
  if (natoms == 0.0) return {0.0, 0.0, 0.0};
  return {all_extremes[0], -all_extremes[1], all_sums[0] / natoms};
}

ModelDeviation::Summary ModelDeviation::summarize_virials(const Predictions &predictions, double natoms) const
{
  const std::size_t nmodels = predictions.forces.size();
  std::vector<double> virials(predictions.virials.size());
  MPI_Allreduce(predictions.virials.data(), virials.data(), static_cast<int>(virials.size()), MPI_DOUBLE, MPI_SUM,
                world);
  std::vector<const double *> model_virials;
  for (std::size_t m = 0; m < nmodels; m++) model_virials.push_back(&virials[9 * m]);
  double deviations[9];
  deepaw_deviation(static_cast<int>(nmodels), 9, 1, model_virials.data(), deviations);
  double square = 0.0;
  for (int k = 0; k < 9; k++) {
    deviations[k] /= std::max(natoms, 1.0);
    if (relative_v > 0.0) {
      double mean = 0.0;
      for (const double *virial : model_virials) mean += virial[k] / static_cast<double>(nmodels);
      deviations[k] /= std::abs(mean) / std::max(natoms, 1.0) + relative_v;
    }
    square += deviations[k] * deviations[k] / 9.0;
  }
  const auto [smallest, largest] = std::minmax_element(deviations, deviations + 9);
  return {*largest, *smallest, std::sqrt(square)};
}

// Return the deviations of the atoms of all processes by rising ID, on the first process.
std::vector<double> ModelDeviation::collect(const std::vector<double> &deviations) const
{
  std::vector<double> local;
  for (std::size_t i = 0; i < deviations.size(); i++) {
    local.push_back(static_cast<double>(atom->tag[i]));
    local.push_back(deviations[i]);
  }
  const int count = static_cast<int>(local.size());
  std::vector<int> counts(comm->nprocs), starts(comm->nprocs, 0);
  MPI_Gather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  for (int rank = 1; rank < comm->nprocs; rank++) starts[rank] = starts[rank - 1] + counts[rank - 1];
  std::vector<double> all(comm->me == 0 ? starts.back() + counts.back() : 0);
  MPI_Gatherv(local.data(), count, MPI_DOUBLE, all.data(), counts.data(), starts.data(), MPI_DOUBLE, 0, world);
  std::vector<std::pair<double, double>> rows;
  for (std::size_t k = 0; k < all.size(); k += 2) rows.emplace_back(all[k], all[k + 1]);
  std::sort(rows.begin(), rows.end());
  std::vector<double> sorted;
  for (const auto &row : rows) sorted.push_back(row.second);
  return sorted;
}
