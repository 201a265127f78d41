// Native model files for the files that callers name: converted once where they are of another format.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Path of a native file with the model in the file at `path`, or in `content`, the bytes of that file, which may be
// empty. Throws Failure for a file that is not there, or of a format that is not read, or that is not converted.
std::string native_file(const std::string &path, std::string_view content);

// Content of a file. Throws Failure if it cannot be read.
std::string read_file(const std::string &path);

// Absolute path of this library.
std::string library_path();

}  // namespace deepmd_c
