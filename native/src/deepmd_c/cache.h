// Folder of converted models in the user's cache: $XDG_CACHE_HOME/deepaw/models, or ~/.cache/deepaw/models.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Path of a file in the folder, which may not be there.
std::string cached_path(const std::string &name);

// Make the folder unless it is there. Throws Failure where nothing can be written to it.
void make_cache();

// Write a file under another name and rename it, so that it is whole whenever it is there. Throws Failure.
void write_whole(const std::string &path, std::string_view bytes);

// Lock of the folder, for one process of the user at a time, where the file system has locks. Makes the folder.
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
