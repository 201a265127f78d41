#include "converter.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "handles.h"
#include "modelfile.h"
#include "program.h"

namespace deepmd_c {
namespace {

namespace fs = std::filesystem;

// Interpreter of the environment with this library: <prefix>/bin/python3.x beside <prefix>/lib/python3.x/.../deepaw.
fs::path interpreter() {
    for (fs::path folder = library_path(); folder.has_relative_path(); folder = folder.parent_path()) {
        const fs::path packages = folder.filename();
        if (packages != "site-packages" && packages != "dist-packages") continue;
        const fs::path library = folder.parent_path(), prefix = library.parent_path().parent_path();
        for (const fs::path &python : {prefix / "bin" / library.filename(), prefix / "bin" / "python3"})
            if (access(python.c_str(), X_OK) == 0) return python;
    }
    return {};
}

// Command that runs deepaw's command line.
std::vector<std::string> deepaw() {
    const char *variable = std::getenv("DEEPAW_PYTHON");
    const std::string python = variable && *variable ? variable : interpreter().string();
    if (python.empty()) return {"deepaw"};
    return {python, "-P", "-m", "deepaw"};  // -P: not a module of the working directory
}

// Last line that a program printed, without the word that errors begin with.
std::string last_line(std::string text) {
    text.erase(text.find_last_not_of(" \r\n") + 1);
    text.erase(0, text.find_last_of('\n') + 1);
    const std::string prefix = "error: ";
    return text.compare(0, prefix.size(), prefix) == 0 ? text.substr(prefix.size()) : text;
}

}  // namespace

void convert(const std::string &name, const std::string &source, const std::string &target) {
    std::vector<std::string> command = deepaw();
    const std::string program = command.front();
    command.insert(command.end(), {"convert", fs::absolute(source).string(), target});
    std::string output;
    const bool started = run_program(command, output);
    if (fs::exists(target)) return;
    const std::string sentence = last_line(output);
    if (started && !sentence.empty()) throw Failure(sentence);
    throw Failure(name + " has to be converted by deepaw, and " + program +
                  (started ? " did not do it" : " could not be started") +
                  "; set the environment variable DEEPAW_PYTHON to a Python that has deepaw, or run 'deepaw convert " +
                  name + " model.safetensors' and use that file.");
}

}  // namespace deepmd_c
