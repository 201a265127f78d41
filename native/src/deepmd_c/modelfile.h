// Native model files for the files that callers name: converted once where they are of another format.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Return the path of a native file of the model in the file `path`. content: bytes of that file; if empty, it is read.
// Throws Failure for a missing file, for an unknown format, and where the conversion fails.
std::string native_file(const std::string &path, std::string_view content);

// Return the content of a file. Throws Failure if it cannot be read.
std::string read_file(const std::string &path);

// Return the absolute path of this library.
std::string library_path();

}  // namespace deepmd_c
