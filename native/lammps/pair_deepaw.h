// Pair style `deepaw`: potentials of deepaw.h, evaluated for the atoms of a LAMMPS process.
#ifndef LMP_PAIR_DEEPAW_H
#define LMP_PAIR_DEEPAW_H

#include "model_deviation.h"
#include "reporter.h"
#include "settings.h"

#include <deepaw.h>
#include <pair.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class PairDeepAW : public Pair {
 public:
  explicit PairDeepAW(LAMMPS *lmp);
  ~PairDeepAW() override;

  void settings(int narg, char **arg) override;
  void coeff(int narg, char **arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void compute(int eflag, int vflag) override;
  int pack_reverse_comm(int n, int first, double *buffer) override;
  void unpack_reverse_comm(int n, int *list, double *buffer) override;

 private:
  struct Close {
    void operator()(deepaw_model *model) const { deepaw_close(model); }
  };

  // types: number in the model of each atom type of LAMMPS, from 1 on; -1 for atoms that the model does not see.
  struct Model {
    std::string path;
    std::unique_ptr<deepaw_model, Close> handle;
    std::vector<int32_t> types;
  };

  // Neighbour list of the atoms that models see, as deepaw.h takes it.
  struct Neighbours {
    std::vector<int32_t> centres, counts;
    std::vector<const int32_t *> neighbours;
  };

  // Results for owned atoms and ghosts, eV and A; those of atoms empty where not asked for.
  struct Results {
    double energy = 0.0;
    double virial[9] = {};
    std::vector<double> force, atom_energy, atom_virial;
  };

  Reporter reporter;
  deepaw::Settings options;
  std::vector<Model> models;
  std::unique_ptr<ModelDeviation> deviation;    // of several models
  double energy_unit;                           // unit of energy of LAMMPS, per eV
  Neighbours neighbours;
  std::vector<int32_t> types, numbers;
  std::vector<double> aparam;
  Results results;
  std::vector<double> *communicated;    // forces whose ghosts' share is on its way to the owners

  void open_models();
  void check_parameters(const Model &model) const;
  void name_types(const std::vector<std::string> &names);
  void forget_types();
  void check_special_bonds() const;

  void gather_neighbours();
  void evaluate(Model &model, bool atom_energies, bool atom_virials, Results &output);
  bool evaluate_here(Model &model, bool atom_energies, bool atom_virials, Results &output);
  void add_results();
  void measure_deviation();
};

}    // namespace LAMMPS_NS

#endif
