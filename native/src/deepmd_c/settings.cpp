#include "settings.h"

#include <cstdlib>
#include <string>

#include "handles.h"

namespace deepmd_c {

int precision_bits() {
    const char *value = std::getenv("DEEPAW_PRECISION");
    const std::string name = value ? value : "";
    if (name.empty() || name == "float64") return 64;
    if (name == "float32") return 32;
    throw Failure("the environment variable DEEPAW_PRECISION is '" + name + "'; it has to be float64 or float32.");
}

int thread_count() {
    constexpr long LARGEST = 1024;
    for (const char *name : {"DP_INTRA_OP_PARALLELISM_THREADS", "OMP_NUM_THREADS"}) {
        const char *value = std::getenv(name);
        const long count = value ? std::strtol(value, nullptr, 10) : 0;
        if (count > 0) return int(count < LARGEST ? count : LARGEST);
    }
    return 1;
}

}  // namespace deepmd_c
