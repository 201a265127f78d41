#include "program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern char **environ;

namespace deepmd_c {
namespace {

std::vector<char *> without_preload(char **variables) {
    std::vector<char *> result;
    for (; variables && *variables; ++variables)
        if (std::strncmp(*variables, "LD_PRELOAD=", 11) != 0) result.push_back(*variables);
    result.push_back(nullptr);
    return result;
}

std::string read_all(int descriptor) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t count = read(descriptor, buffer, sizeof buffer);
        if (count > 0) text.append(buffer, size_t(count));
        if (count == 0 || (count < 0 && errno != EINTR)) return text;
    }
}

}  // namespace

bool run_program(const std::vector<std::string> &command, std::string &output) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    for (int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
    std::vector<char *> arguments;
    for (const std::string &argument : command) arguments.push_back(const_cast<char *>(argument.c_str()));
    arguments.push_back(nullptr);
    std::vector<char *> variables = without_preload(environ);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    pid_t process = 0;
    const int error = posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), variables.data());
    const bool started = error == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (started) output = read_all(ends[0]);
    close(ends[0]);
    while (started && waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
    }
    return started;
}

}  // namespace deepmd_c
