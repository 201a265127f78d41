// Deviations among the predictions of several models, in the columns of DeePMD-kit's model_devi.out.
#ifndef DEEPAW_LAMMPS_MODEL_DEVIATION_H
#define DEEPAW_LAMMPS_MODEL_DEVIATION_H

#include "settings.h"

#include <pointers.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

// One line for each step, written by the first process:
//
//   step  max min avg of the virial's deviation  max min avg of the deviations of forces  [those of all atoms]
//
// The deviation of an atom's force is the root of the mean over models of |F - mean of F|^2; that of each of the 9
// components of the virial is the same of a number, divided by the number of atoms. The average over atoms is their
// mean, that over components the root of the mean square. Relative deviations are divided by |mean of F| + level.
class ModelDeviation : protected Pointers {
 public:
  // forces: (nlocal, 3) of each model. virials: (nmodels, 3, 3), the share of this process. visible: (nlocal), whether
  // the models see an atom. In units of LAMMPS.
  struct Predictions {
    std::vector<const double *> forces;
    std::vector<double> virials;
    std::vector<bool> visible;
  };

  // Open the file and write the names of the columns.
  ModelDeviation(LAMMPS *lmp, const deepaw::Settings &settings);

  // Write the line of the present step; called by all processes.
  void write(const Predictions &predictions);

 private:
  struct Close {
    void operator()(FILE *file) const { fclose(file); }
  };
  using Summary = std::array<double, 3>;    // largest, smallest, average

  bool atomic;
  double relative, relative_v;
  std::unique_ptr<FILE, Close> file;    // of the first process

  std::vector<double> force_deviations(const Predictions &predictions) const;
  Summary summarize_forces(const std::vector<double> &deviations, const std::vector<bool> &visible,
                           double &natoms) const;
  Summary summarize_virials(const Predictions &predictions, double natoms) const;
  std::vector<double> collect(const std::vector<double> &deviations) const;
};

}    // namespace LAMMPS_NS

#endif
