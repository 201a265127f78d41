// Sentences for the user that any of the processes may have, printed once.
#ifndef DEEPAW_LAMMPS_REPORTER_H
#define DEEPAW_LAMMPS_REPORTER_H

#include <pointers.h>

#include <set>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class Reporter : protected Pointers {
 public:
  explicit Reporter(LAMMPS *lmp) : Pointers(lmp) {}

  // Print warnings of all processes, and end the run with the error of the first process that has one. Warnings that
  // differ in numbers alone are printed once in the life of this object. Called by all processes; error: empty without
  // one. A process that ended by itself would stop the others, and LAMMPS would often not print its error.
  void report(const std::string &error_sentence, std::vector<std::string> warnings);

 private:
  std::set<std::string> printed;    // warnings without their numbers

  std::string broadcast(std::string sentence, int rank);
};

}    // namespace LAMMPS_NS

#endif
