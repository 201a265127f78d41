// The kernels' C interface: the instruction set of the processor is looked up once.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "kernels.h"

namespace deepaw {
namespace {

KernelSet choose() {
    [[maybe_unused]] const char *wanted = std::getenv("DEEPAW_INSTRUCTION_SET");  // a smaller set, for tests
    [[maybe_unused]] const auto allowed = [&](const char *name) { return !wanted || !std::strcmp(wanted, name); };
#if defined(DEEPAW_X86)
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && allowed("avx512"))
        return avx512::kernels();
    if (has_avx2 && (allowed("avx2") || allowed("avx512"))) return avx2::kernels();
#endif
    return baseline::kernels();
}

}  // namespace

const KernelSet &kernels() {
    static const KernelSet chosen = choose();
    return chosen;
}

template <>
const Kernels<float> &kernels_for() {
    return kernels().single;
}
template <>
const Kernels<double> &kernels_for() {
    return kernels().wide;
}

namespace {

// Memory of a call; kept by each thread, up to a size that no usual model exceeds.
template <class T>
class Scratch {
  public:
    explicit Scratch(int64_t count) {
        if (count > KEPT) {
            own_ = std::make_unique<T[]>(count);
            memory_ = own_.get();
            return;
        }
        alignas(64) thread_local T kept[KEPT];
        memory_ = kept;
    }
    T *get() { return memory_; }

  private:
    static constexpr int64_t KEPT = 16 * 1024;
    std::unique_ptr<T[]> own_;
    T *memory_;
};

template <class Work>
void in_numbers(int32_t bytes, Work work) {
    if (bytes == 4)
        work(float());
    else
        work(double());
}

}  // namespace
}  // namespace deepaw

using namespace deepaw;

int deepaw_native_version(void) { return DEEPAW_NATIVE_VERSION; }

const char *deepaw_instruction_set(void) { return kernels().name; }

void deepaw_moments_forward(const deepaw_pair_form *form, const deepaw_neighbours *neighbours, void *moments,
                            int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        Scratch<T> scratch(scratch_size(*form));
        kernels_for<T>().forward(*form, *neighbours, static_cast<T *>(moments), scratch.get());
    });
}

void deepaw_moments_vjp(const deepaw_pair_form *form, const deepaw_neighbours *neighbours, const void *grad_moments,
                        void *grad_vector, int64_t stride, int32_t add, int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        Scratch<T> scratch(scratch_size(*form));
        kernels_for<T>().vjp(*form, *neighbours, static_cast<const T *>(grad_moments), static_cast<T *>(grad_vector),
                             stride, add != 0, scratch.get());
    });
}

void deepaw_moments_jvp(const deepaw_pair_form *form, const deepaw_neighbours *neighbours, const void *tangent_vector,
                        int64_t stride, void *tangent_moments, int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        Scratch<T> scratch(scratch_size(*form));
        kernels_for<T>().jvp(*form, *neighbours, static_cast<const T *>(tangent_vector), stride,
                             static_cast<T *>(tangent_moments), scratch.get());
    });
}

void deepaw_tanh(int64_t count, const void *z, void *value, void *first, void *second, int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        kernels_for<T>().tanh(count, static_cast<const T *>(z), static_cast<T *>(value), static_cast<T *>(first),
                              static_cast<T *>(second));
    });
}

void deepaw_products_forward(int64_t natoms, int32_t components, int32_t columns, int32_t axes, const void *Q,
                             void *products, int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        kernels_for<T>().products_forward(natoms, components, columns, axes, static_cast<const T *>(Q),
                                          static_cast<T *>(products), products_of(columns, axes));
    });
}

void deepaw_products_backward(int64_t natoms, int32_t components, int32_t columns, int32_t axes, const void *Q,
                              const void *grad_products, void *grad_Q, int32_t bytes) {
    in_numbers(bytes, [&](auto number) {
        using T = decltype(number);
        kernels_for<T>().products_backward(natoms, components, columns, axes, static_cast<const T *>(Q),
                                           static_cast<const T *>(grad_products), products_of(columns, axes),
                                           static_cast<T *>(grad_Q));
    });
}
