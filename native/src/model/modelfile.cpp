#include "modelfile.h"

#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "error.h"

namespace deepaw {

namespace {

std::string content_of(const std::string &path) {
    struct stat status;
    if (stat(path.c_str(), &status) != 0)
        throw ModelError(path + " does not exist; give a model file (.safetensors).");
    if (S_ISDIR(status.st_mode)) throw ModelError(path + " is a directory; give a model file (.safetensors).");
    std::ifstream file(path, std::ios::binary);
    if (!file) throw ModelError(path + " may not be read: permission denied.");
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

}  // namespace

ModelFile::ModelFile(const std::string &path) : ModelFile(path, content_of(path)) {}

ModelFile::ModelFile(const std::string &path, std::string bytes) : path_(path), bytes_(std::move(bytes)) {
    uint64_t length = 0;
    if (bytes_.size() >= 8) std::memcpy(&length, bytes_.data(), 8);
    if (length == 0 || length > bytes_.size() || bytes_.size() - 8 < length)
        throw ModelError(path + " is not a model file (.safetensors), or is cut short.");
    data_ = 8 + length;
    uint64_t promised = data_;
    try {
        const Json header = Json::parse(bytes_.substr(8, length));
        for (const auto &[name, entry] : header.object()) {
            if (name == "__metadata__") continue;
            Tensor tensor;
            tensor.type = entry["dtype"].text();
            for (const Json &axis : entry["shape"].list()) tensor.shape.push_back(axis.integer());
            const auto &offsets = entry["data_offsets"].list();
            if (offsets.size() != 2) throw ModelError("offsets");
            tensor.begin = data_ + uint64_t(offsets[0].integer());
            tensor.end = data_ + uint64_t(offsets[1].integer());
            if (tensor.begin > tensor.end) throw ModelError("offsets");
            promised = std::max(promised, tensor.end);
            tensors_[name] = tensor;
        }
        if (header.has("__metadata__") && header["__metadata__"].has("deepaw"))
            description_ = Json::parse(header["__metadata__"]["deepaw"].text());
    } catch (const ModelError &) {
        throw ModelError(path + " is not a model file (.safetensors): its header cannot be read.");
    }
    if (promised > bytes_.size())
        throw ModelError(path + " is cut short: " + std::to_string(bytes_.size()) + " of " + std::to_string(promised) +
                         " bytes; copy it again.");
    if (description_.is_null()) throw ModelError(path + " is a safetensors file that this software did not write.");
}

const std::string &ModelFile::resolved(const std::string &name) const {
    const auto alias = aliases_.find(name);
    return alias == aliases_.end() ? name : alias->second;
}

const ModelFile::Tensor &ModelFile::tensor(const std::string &name) const {
    const auto found = tensors_.find(resolved(name));
    if (found == tensors_.end()) throw ModelError(path_ + " has no tensor " + name + "; it was written damaged.");
    return found->second;
}

std::array<int64_t, 2> ModelFile::shape(const std::string &name) const {
    const auto &shape = tensor(name).shape;
    if (shape.size() != 2) throw ModelError(path_ + " has a tensor " + name + " that is no matrix; it was written damaged.");
    return {shape[0], shape[1]};
}

namespace {

template <class From, class To>
void convert(const char *from, std::vector<To> &to) {
    for (size_t i = 0; i < to.size(); ++i) {
        From value;
        std::memcpy(&value, from + i * sizeof(From), sizeof(From));
        to[i] = To(value);
    }
}

}  // namespace

template <class T>
std::vector<T> ModelFile::read(const std::string &name, int64_t count) const {
    const Tensor &tensor = this->tensor(name);
    static const std::map<std::string, size_t> sizes = {{"F64", 8}, {"F32", 4}, {"I64", 8}, {"U8", 1}, {"BOOL", 1}};
    const auto size = sizes.find(tensor.type);
    uint64_t numbers = 1;
    for (int64_t axis : tensor.shape) numbers *= uint64_t(axis < 0 ? 0 : axis);
    if (size == sizes.end() || tensor.end - tensor.begin != numbers * size->second ||
        (count >= 0 && uint64_t(count) != numbers))
        throw ModelError(path_ + " has a tensor " + name + " that does not fit its description; it was written damaged.");
    std::vector<T> result(numbers);
    const char *from = bytes_.data() + tensor.begin;
    if (tensor.type == "F64")
        convert<double>(from, result);
    else if (tensor.type == "F32")
        convert<float>(from, result);
    else if (tensor.type == "I64")
        convert<int64_t>(from, result);
    else
        convert<uint8_t>(from, result);
    for (const T value : result)
        if (!std::isfinite(double(value)))
            throw ModelError(path_ + " holds values in " + name + " that are not finite numbers; it was written damaged.");
    return result;
}

template std::vector<double> ModelFile::read(const std::string &, int64_t) const;
template std::vector<float> ModelFile::read(const std::string &, int64_t) const;
template std::vector<uint8_t> ModelFile::read(const std::string &, int64_t) const;

}  // namespace deepaw
