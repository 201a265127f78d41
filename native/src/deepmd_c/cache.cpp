#include "cache.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "handles.h"

namespace deepmd_c {
namespace {

namespace fs = std::filesystem;

fs::path home() {
    if (const char *value = std::getenv("HOME"); value && *value) return value;
    const passwd *entry = getpwuid(getuid());
    return entry && entry->pw_dir ? entry->pw_dir : "";
}

fs::path folder() {
    const char *value = std::getenv("XDG_CACHE_HOME");
    const fs::path cache = value && fs::path(value).is_absolute() ? fs::path(value) : home() / ".cache";
    return cache / "deepaw" / "models";
}

[[noreturn]] void fail(const fs::path &path) {
    throw Failure(path.string() +
                  " cannot be written; the environment variable XDG_CACHE_HOME names another folder for caches.");
}

}  // namespace

std::string cached_path(const std::string &name) { return (folder() / name).string(); }

void make_cache() {
    std::error_code error;
    fs::create_directories(folder(), error);
    if (access(folder().c_str(), W_OK | X_OK) != 0) fail(folder());
}

void write_whole(const std::string &path, std::string_view bytes) {
    make_cache();
    const std::string part = path + "." + std::to_string(getpid()) + ".part";
    std::ofstream file(part, std::ios::binary);
    file.write(bytes.data(), std::streamsize(bytes.size()));
    file.close();
    std::error_code error;
    if (file) fs::rename(part, path, error);
    if (!file || error) {
        fs::remove(part, error);
        fail(path);
    }
}

CacheLock::CacheLock() {
    make_cache();
    folder_ = open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_ >= 0) flock(folder_, LOCK_EX);
}

CacheLock::~CacheLock() {
    if (folder_ >= 0) close(folder_);
}

}  // namespace deepmd_c
