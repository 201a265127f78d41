// Commands and checks before a run: pair_style, pair_coeff, and what LAMMPS has to be set to.
#include "pair_deepaw.h"

#include <atom.h>
#include <error.h>
#include <force.h>
#include <memory.h>
#include <neighbor.h>
#include <update.h>
#include <utils.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

using namespace LAMMPS_NS;

// A repeated pair_style calls this again: types have to be named again, too.
void PairDeepAW::settings(int narg, char **arg)
{
  try {
    options = deepaw::read_settings(narg, arg);
  } catch (const std::invalid_argument &refused) {
    error->all(FLERR, refused.what());
  }
  open_models();
  for (const Model &model : models) check_parameters(model);
  if (allocated) forget_types();
  deviation.reset();
  if (models.size() > 1) deviation = std::make_unique<ModelDeviation>(lmp, options);
}

void PairDeepAW::open_models()
{
  models.clear();
  for (const std::string &path : options.models) {
    deepaw_model *handle = deepaw_open(path.c_str(), options.bits);
    reporter.report(handle == nullptr ? deepaw_error() : "", {});
    models.push_back({path, std::unique_ptr<deepaw_model, Close>(handle), {}});
    if (deepaw_tensor_size(handle) != 0)
      error->all(FLERR, path + " gives " + (deepaw_tensor_size(handle) == 3 ? "dipoles" : "polarizabilities") +
                            "; pair_style deepaw needs a model of energies and forces.");
  }
}

void PairDeepAW::check_parameters(const Model &model) const
{
  const int nfparam = deepaw_nfparam(model.handle.get()), naparam = deepaw_naparam(model.handle.get());
  const bool has_default = deepaw_default_fparam(model.handle.get()) != nullptr;
  const auto check = [&](const char *name, std::size_t count, int needed, bool optional) {
    if (static_cast<int>(count) == needed || (count == 0 && optional)) return;
    error->all(FLERR, "pair_style deepaw: '" + std::string(name) + "' has " + std::to_string(count) +
                          " numbers, and " + model.path + " takes " + std::to_string(needed) + ".");
  };
  check("fparam", options.fparam.size(), nfparam, has_default);
  check("aparam", options.aparam.size(), naparam, false);
}

void PairDeepAW::coeff(int narg, char **arg)
{
  if (narg < 2 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "pair_coeff of deepaw begins with * *, and names of types follow, such as "
                      "pair_coeff * * O H.");
  const int ntypes = atom->ntypes;
  std::vector<std::string> names(arg + 2, arg + narg);
  if (names.empty()) {
    if (deepaw_ntypes(models[0].handle.get()) != ntypes)
      error->all(FLERR, "pair_coeff * * of deepaw needs the names of the " + std::to_string(ntypes) +
                            " atom types, because " + models[0].path + " has " +
                            std::to_string(deepaw_ntypes(models[0].handle.get())) + ".");
    for (int type = 0; type < ntypes; type++)
      names.emplace_back(deepaw_type_name(models[0].handle.get(), type));
  }
  if (static_cast<int>(names.size()) != ntypes)
    error->all(FLERR, "pair_coeff of deepaw names " + std::to_string(names.size()) + " atom types, and there are " +
                          std::to_string(ntypes) + ".");
  name_types(names);

  if (allocated) forget_types();
  memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
  memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
  allocated = 1;
  const std::vector<int32_t> &model_types = models[0].types;
  for (int i = 1; i <= ntypes; i++)
    for (int j = 1; j <= ntypes; j++) setflag[i][j] = i <= j && model_types[i] >= 0 && model_types[j] >= 0;
}

void PairDeepAW::forget_types()
{
  memory->destroy(setflag);
  memory->destroy(cutsq);
  allocated = 0;
}

void PairDeepAW::name_types(const std::vector<std::string> &names)
{
  for (Model &model : models) {
    std::string list_of_names;
    std::vector<std::string> type_names;
    for (int type = 0; type < deepaw_ntypes(model.handle.get()); type++) {
      type_names.emplace_back(deepaw_type_name(model.handle.get(), type));
      list_of_names += " " + type_names.back();
    }
    model.types.assign(1, -1);
    for (const std::string &name : names) {
      const auto place = std::find(type_names.begin(), type_names.end(), name);
      if (place == type_names.end() && name != "NULL")
        error->all(FLERR, "pair_coeff of deepaw names the type " + name + ", and " + model.path + " has" +
                              list_of_names + ".");
      model.types.push_back(place == type_names.end() ? -1 : static_cast<int32_t>(place - type_names.begin()));
    }
  }
}

void PairDeepAW::init_style()
{
  if (force->newton_pair == 0)
    error->all(FLERR, "pair_style deepaw needs 'newton on', or 'newton on off' without it for bonds.");
  if (strcmp(update->unit_style, "metal") == 0)
    energy_unit = 1.0;
  else if (strcmp(update->unit_style, "real") == 0)
    energy_unit = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  else
    error->all(FLERR, "pair_style deepaw works with 'units metal' and 'units real', not with 'units " +
                          std::string(update->unit_style) + "'.");
  if (deviation && options.atomic && !atom->tag_enable)
    error->all(FLERR, "pair_style deepaw: 'atomic' needs atoms with IDs.");
  check_special_bonds();
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

// LAMMPS leaves pairs out of neighbour lists whose factors for both interactions are 0; a potential needs all pairs.
void PairDeepAW::check_special_bonds() const
{
  if (atom->molecular == Atom::ATOMIC || force->kspace) return;
  int left_out = 0;
  for (int k = 1; k <= 3; k++) {
    if (force->special_lj[k] != 0.0 || force->special_coul[k] != 0.0) continue;
    if (atom->molecular == Atom::TEMPLATE) left_out += atom->nbonds > 0;
    for (int i = 0; i < atom->nlocal && atom->nspecial; i++)
      left_out += atom->nspecial[i][k - 1] > (k > 1 ? atom->nspecial[i][k - 2] : 0);
  }
  int total = 0;
  MPI_Allreduce(&left_out, &total, 1, MPI_INT, MPI_MAX, world);
  if (total > 0)
    error->all(FLERR, "pair_style deepaw needs all pairs of atoms, and bonded ones are left out; add "
                      "'special_bonds lj/coul 1 1 1'.");
}

double PairDeepAW::init_one(int i, int j)
{
  if (setflag[std::min(i, j)][std::max(i, j)] == 0) error->all(FLERR, "All pair coeffs are not set");
  double cutoff = 0.0;
  for (const Model &model : models) cutoff = std::max(cutoff, deepaw_cutoff(model.handle.get()));
  return cutoff;
}
