// Error of a model or of what is evaluated: one sentence for the user.
#pragma once

#include <stdexcept>
#include <string>

namespace deepaw {

struct ModelError : std::runtime_error {
    explicit ModelError(const std::string &sentence) : std::runtime_error(sentence) {}
};

}  // namespace deepaw
