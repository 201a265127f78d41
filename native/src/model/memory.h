// Memory that is kept from one call to the next and grows where more is needed.
#pragma once

#include <cstdint>
#include <new>
#include <vector>

namespace deepaw {

// Allocator of memory that begins at a cache line, so that no vector of a row of full lines crosses two of them.
template <class T>
struct CacheLineAllocator {
    typedef T value_type;
    static constexpr std::align_val_t LINE{64};

    CacheLineAllocator() = default;
    template <class U>
    CacheLineAllocator(const CacheLineAllocator<U> &) {}

    T *allocate(size_t count) { return static_cast<T *>(::operator new(count * sizeof(T), LINE)); }
    void deallocate(T *memory, size_t) { ::operator delete(memory, LINE); }
    bool operator==(const CacheLineAllocator &) const { return true; }
    bool operator!=(const CacheLineAllocator &) const { return false; }
};

template <class T>
using Buffer = std::vector<T, CacheLineAllocator<T>>;

template <class T>
T *sized(Buffer<T> &memory, int64_t count) {
    if (int64_t(memory.size()) < count) memory.resize(size_t(count));
    return memory.data();
}

}  // namespace deepaw
