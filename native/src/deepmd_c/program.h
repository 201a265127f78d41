// Programs run to their end.
#pragma once
#include <string>
#include <vector>

namespace deepmd_c {

// Run a program, found on PATH unless it has a folder, with its arguments and no input; `output` gets what it printed.
// Returns whether it could be started. It does not inherit LD_PRELOAD, which may name this library.
bool run_program(const std::vector<std::string> &command, std::string &output);

}  // namespace deepmd_c
