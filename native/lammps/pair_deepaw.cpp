// Evaluation: what a model gives for the atoms of this process, added to LAMMPS's forces, energies and virials.
#include "pair_deepaw.h"

#include <atom.h>
#include <comm.h>
#include <error.h>
#include <force.h>
#include <neigh_list.h>
#include <neighbor.h>
#include <update.h>

#include <algorithm>

using namespace LAMMPS_NS;

namespace {

// LAMMPS's order of the components of a symmetric tensor and of a full one, as positions in a (3, 3) array.
const int FULL[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};

double symmetric(const double *tensor, int component)
{
  if (component < 3) return tensor[FULL[component]];
  return 0.5 * (tensor[FULL[component]] + tensor[FULL[component + 3]]);
}

}    // namespace

PairDeepAW::PairDeepAW(LAMMPS *lmp) : Pair(lmp), reporter(lmp), energy_unit(1.0), communicated(nullptr)
{
  if (deepaw_version() != DEEPAW_VERSION)
    error->all(FLERR,
               "The plugin of deepaw was built for another version of libdeepaw; build it again.");
  manybody_flag = 1;
  one_coeff = 1;
  single_enable = 0;
  restartinfo = 0;
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_AVAIL;
  comm_reverse = 3;
}

PairDeepAW::~PairDeepAW()
{
  if (allocated) forget_types();
}

void PairDeepAW::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  gather_neighbours();
  evaluate(models[0], eflag_atom, vflag_atom || cvflag_atom, results);
  add_results();
  if (deviation && update->ntimestep % options.out_freq == 0) measure_deviation();
}

void PairDeepAW::gather_neighbours()
{
  const std::vector<int32_t> &model_types = models[0].types;
  neighbours.centres.clear();
  neighbours.counts.clear();
  neighbours.neighbours.clear();
  for (int ii = 0; ii < list->inum; ii++) {
    const int i = list->ilist[ii];
    if (model_types[atom->type[i]] < 0) continue;
    neighbours.centres.push_back(i);
    neighbours.counts.push_back(list->numneigh[i]);
    neighbours.neighbours.push_back(list->firstneigh[i]);
  }
}

void PairDeepAW::evaluate(Model &model, bool atom_energies, bool atom_virials, Results &output)
{
  std::string failure;
  std::vector<std::string> warnings;
  if (!evaluate_here(model, atom_energies, atom_virials, output)) failure = deepaw_error();
  while (const char *sentence = deepaw_take_warning(model.handle.get())) warnings.emplace_back(sentence);
  reporter.report(failure, warnings);
}

bool PairDeepAW::evaluate_here(Model &model, bool atom_energies, bool atom_virials, Results &output)
{
  const int nall = atom->nlocal + atom->nghost;
  output.energy = 0.0;
  std::fill(output.virial, output.virial + 9, 0.0);
  output.force.assign(3 * static_cast<std::size_t>(nall), 0.0);
  output.atom_energy.assign(atom_energies ? nall : 0, 0.0);
  output.atom_virial.assign(atom_virials ? 9 * static_cast<std::size_t>(nall) : 0, 0.0);
  if (neighbours.centres.empty()) return true;

  types.resize(nall);
  for (int i = 0; i < nall; i++) types[i] = model.types[atom->type[i]];
  if (atom->tag_enable) numbers.assign(atom->tag, atom->tag + nall);
  const std::size_t naparam = options.aparam.size();
  aparam.resize(naparam * nall);
  for (std::size_t k = 0; k < aparam.size(); k++) aparam[k] = options.aparam[k % naparam];

  deepaw_atoms atoms = {};
  atoms.natoms = nall;
  atoms.coord = atom->x[0];
  atoms.types = types.data();
  atoms.fparam = options.fparam.empty() ? nullptr : options.fparam.data();
  atoms.aparam = aparam.empty() ? nullptr : aparam.data();
  atoms.numbers = atom->tag_enable ? numbers.data() : nullptr;
  const deepaw_neighbour_list neighbour_list = {static_cast<int64_t>(neighbours.centres.size()),
                                       neighbours.centres.data(), neighbours.counts.data(),
                                       neighbours.neighbours.data(), NEIGHMASK};
  const deepaw_energy_result result = {&output.energy, output.force.data(), output.virial,
                                       atom_energies ? output.atom_energy.data() : nullptr,
                                       atom_virials ? output.atom_virial.data() : nullptr};
  return deepaw_evaluate(model.handle.get(), &atoms, &neighbour_list, comm->nthreads, &result) == 0;
}

void PairDeepAW::add_results()
{
  const int nall = atom->nlocal + atom->nghost;
  double *f = nall > 0 ? atom->f[0] : nullptr;
  for (std::size_t k = 0; k < results.force.size(); k++) f[k] += energy_unit * results.force[k];
  if (eflag_global) eng_vdwl += energy_unit * results.energy;
  if (vflag_global)
    for (int k = 0; k < 6; k++) virial[k] += energy_unit * symmetric(results.virial, k);
  if (eflag_atom)
    for (int i = 0; i < nall; i++) eatom[i] += energy_unit * results.atom_energy[i];
  for (int i = 0; i < nall && (vflag_atom || cvflag_atom); i++) {
    const double *share = &results.atom_virial[9 * static_cast<std::size_t>(i)];
    if (vflag_atom)
      for (int k = 0; k < 6; k++) vatom[i][k] += energy_unit * symmetric(share, k);
    if (cvflag_atom)
      for (int k = 0; k < 9; k++) cvatom[i][k] += energy_unit * share[FULL[k]];
  }
}

void PairDeepAW::measure_deviation()
{
  std::vector<Results> model_results(models.size());
  ModelDeviation::Predictions predictions;
  for (std::size_t m = 0; m < models.size(); m++) {
    if (m == 0)
      std::swap(model_results[0], results);    // as computed for the dynamics
    else
      evaluate(models[m], false, false, model_results[m]);
    communicated = &model_results[m].force;
    comm->reverse_comm(this);
    for (double &number : model_results[m].force) number *= energy_unit;
    for (double &number : model_results[m].virial) number *= energy_unit;
    predictions.forces.push_back(model_results[m].force.data());
    predictions.virials.insert(predictions.virials.end(), model_results[m].virial,
                               model_results[m].virial + 9);
  }
  communicated = nullptr;
  for (int i = 0; i < atom->nlocal; i++)
    predictions.visible.push_back(models[0].types[atom->type[i]] >= 0);
  deviation->write(predictions);
}

int PairDeepAW::pack_reverse_comm(int n, int first, double *buffer)
{
  const double *force = communicated->data() + 3 * static_cast<std::size_t>(first);
  std::copy(force, force + 3 * static_cast<std::size_t>(n), buffer);
  return 3 * n;
}

void PairDeepAW::unpack_reverse_comm(int n, int *list, double *buffer)
{
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 3; k++)
      (*communicated)[3 * static_cast<std::size_t>(list[i]) + k] += buffer[3 * i + k];
}
