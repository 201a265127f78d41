// A .safetensors file: the description in its metadata, and its tensors by name.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "json.h"

namespace deepaw {

class ModelFile {
  public:
    // Throws ModelError: no such file, a file that is cut short, or another kind of file. Sentences name the file.
    explicit ModelFile(const std::string &path);

    // The content of a file; path: its name in sentences.
    ModelFile(const std::string &path, std::string bytes);

    const std::string &path() const { return path_; }

    // JSON under the key `deepaw` of the metadata.
    const Json &description() const { return description_; }

    bool has(const std::string &name) const { return tensors_.count(resolved(name)) > 0; }

    // Let tensors be known by other names, too.
    void set_aliases(const std::map<std::string, std::string> &aliases) { aliases_ = aliases; }

    // Numbers of a tensor, of any type of number; throws ModelError where there is none of this name, or where its size is
    // not `count` (-1: any).
    template <class T>
    std::vector<T> read(const std::string &name, int64_t count = -1) const;

    // Numbers of rows and columns of a matrix. Throws ModelError for a tensor of another rank.
    std::array<int64_t, 2> shape(const std::string &name) const;

  private:
    struct Tensor {
        std::string type;
        std::vector<int64_t> shape;
        uint64_t begin, end;
    };

    const std::string &resolved(const std::string &name) const;
    const Tensor &tensor(const std::string &name) const;

    std::string path_, bytes_;
    uint64_t data_ = 0;
    Json description_;
    std::map<std::string, Tensor> tensors_;
    std::map<std::string, std::string> aliases_;
};

}  // namespace deepaw
