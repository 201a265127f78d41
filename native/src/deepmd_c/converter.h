// Conversion of models by `deepaw convert`, in a process of its own.
#pragma once
#include <string>

namespace deepmd_c {

// Convert the model in the file `source` to the native file `target`. name: how the caller named the model.
//
// The Python is that of the environment variable DEEPAW_PYTHON, or of the environment that this library is installed
// in; without either, the script `deepaw` on PATH is run. Throws Failure with the converter's sentence, or that there
// is none.
void convert(const std::string &name, const std::string &source, const std::string &target);

}  // namespace deepmd_c
