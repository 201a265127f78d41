#include "modelfile.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cache.h"
#include "converter.h"
#include "handles.h"
#include "sha256.h"

namespace deepmd_c {
namespace {

namespace fs = std::filesystem;

constexpr const char *NATIVE = ".safetensors";
constexpr const char *CONVERTED[] = {".dp", ".yaml", ".yml", ".pt", ".pb", ".pbtxt"};
constexpr const char *FROZEN[] = {".pth", ".pt2", ".pte", ".savedmodel", ".hlo"};

template <size_t N>
bool contains(const char *const (&names)[N], const std::string &name) {
    return std::any_of(names, names + N, [&](const char *other) { return name == other; });
}

void check_format(const std::string &path) {
    const std::string suffix = fs::path(path).extension().string();
    if (suffix == NATIVE || contains(CONVERTED, suffix)) return;
    if (contains(FROZEN, suffix)) {
        const std::string name = fs::path(path).filename().string(), stem = fs::path(path).stem().string();
        throw Failure(path + " is a frozen model, which only DeePMD-kit can open; 'dp convert-backend " + name + " " +
                      stem + ".dp' turns it into a file that DeePAW reads.");
    }
    throw Failure(path + " ends with '" + suffix + "'; a model is in a file of .safetensors, .dp, .yaml, .pt or .pb.");
}

// Return the path of a file that holds these bytes: `path`, or a file in the cache.
std::string file_of(const std::string &path, const std::string &bytes, const std::string &key) {
    std::error_code error;
    if (fs::file_size(path, error) == bytes.size() && !error && read_file(path) == bytes) return path;
    const std::string cached = cached_path(key + fs::path(path).extension().string());
    if (!fs::exists(cached)) write_whole(cached, bytes);
    return cached;
}

}  // namespace

std::string native_file(const std::string &path, std::string_view content) {
    check_format(path);
    const bool native = fs::path(path).extension() == NATIVE;
    if (native && content.empty()) {
        if (!fs::is_regular_file(path)) throw Failure("There is no model file " + path + ".");
        return path;
    }
    const std::string bytes = content.empty() ? read_file(path) : std::string(content);
    const std::string key = sha256(bytes) + "-" + std::to_string(deepaw_version());
    if (native) return file_of(path, bytes, key);
    const std::string target = cached_path(key + NATIVE);
    if (fs::exists(target)) return target;
    const CacheLock lock;  // one process converts, the others wait for it
    if (fs::exists(target)) return target;
    std::fprintf(stderr, "Converting %s, once, to %s\n", path.c_str(), target.c_str());
    const std::string source = file_of(path, bytes, key);
    convert(path, source, target);
    if (source != path) fs::remove(source);
    return target;
}

std::string read_file(const std::string &path) {
    if (!fs::exists(path)) throw Failure("There is no model file " + path + ".");
    std::ifstream file(path, std::ios::binary);
    if (!file || fs::is_directory(path)) throw Failure(path + " cannot be read.");
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) throw Failure(path + " cannot be read.");
    return bytes;
}

std::string library_path() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&library_path), &info) || !info.dli_fname) return "";
    return fs::absolute(info.dli_fname).string();
}

}  // namespace deepmd_c
