// Folder of converted models in the user's cache: $XDG_CACHE_HOME/deepaw/models, or ~/.cache/deepaw/models.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Return the path of a file in the folder; neither has to exist.
std::string cached_path(const std::string &name);

// Create the folder. Throws Failure if it cannot be written to.
void make_cache();

// Write a file under a temporary name and rename it, so that readers never see a part of it. Throws Failure.
void write_whole(const std::string &path, std::string_view bytes);

// Exclusive lock of the folder, which is created; no effect on file systems without locks.
class CacheLock {
  public:
    CacheLock();
    ~CacheLock();
    CacheLock(const CacheLock &) = delete;
    CacheLock &operator=(const CacheLock &) = delete;

  private:
    int folder_;
};

}  // namespace deepmd_c
