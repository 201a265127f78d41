// Arguments of the command `pair_style deepaw`.
#ifndef DEEPAW_LAMMPS_SETTINGS_H
#define DEEPAW_LAMMPS_SETTINGS_H

#include <string>
#include <vector>

namespace deepaw {

// models: files; the first drives the dynamics. out_freq, out_file, atomic, relative, relative_v: of the deviations
// among several models; a level of 0 stands for absolute deviations. fparam, aparam: parameters of the frame and of
// every atom. bits: 64 or 32, of the numbers that models compute with.
struct Settings {
  std::vector<std::string> models;
  int out_freq = 100;
  std::string out_file = "model_devi.out";
  bool atomic = false;
  double relative = 0.0;
  double relative_v = 0.0;
  std::vector<double> fparam;
  std::vector<double> aparam;
  int bits = 64;
};

// Read the arguments. Throws std::invalid_argument with one sentence about what is wrong.
Settings read_settings(int narg, const char *const *arg);

}    // namespace deepaw

#endif
