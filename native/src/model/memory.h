// Memory that is kept from one call to the next and grows where more is needed.
#pragma once

#include <cstdint>
#include <vector>

namespace deepaw {

template <class T>
T *sized(std::vector<T> &memory, int64_t count) {
    if (int64_t(memory.size()) < count) memory.resize(size_t(count));
    return memory.data();
}

}  // namespace deepaw
