// Files as strings, and what library this is.
#include <climits>
#include <cstdio>

#include "handles.h"
#include "modelfile.h"
#include "settings.h"

using namespace deepmd_c;

const char *DP_ReadFileToChar(const char *c_model) {
    int size = 0;
    const char *content = DP_ReadFileToChar2(c_model, &size);
    if (size >= 0) return content;
    DP_DeleteChar(content);
    return copy_text("");
}

const char *DP_ReadFileToChar2(const char *c_model, int *size) {
    std::string text;
    try {
        text = read_file(c_model);
        if (text.size() > size_t(INT_MAX))
            throw Failure(std::string(c_model) + " has more bytes than this function can count, 2 GB.");
        *size = int(text.size());
    } catch (const std::exception &exception) {
        text = exception.what();
        *size = -int(text.size());
    }
    return copy_text(text);
}

void DP_DeleteChar(const char *c_str) { delete[] c_str; }

void DP_PrintSummary(const char *c_pre) {
    const char *prefix = c_pre ? c_pre : "";
    std::string precision;
    try {
        precision = "float" + std::to_string(precision_bits());
    } catch (const Failure &failure) {
        precision = failure.what();
    }
    std::printf("%sDeePMD-kit's C interface, answered by DeePAW\n", prefix);
    std::printf("%slibrary:   %s\n", prefix, library_path().c_str());
    std::printf("%sprecision: %s\n", prefix, precision.c_str());
    std::printf("%sthreads:   %d\n", prefix, thread_count());
    std::fflush(stdout);
}

void DP_ConvertPbtxtToPb(const char *c_pbtxt, const char *) {
    std::fprintf(stderr, "error: %s is a graph of TensorFlow, which DeePAW's library does not convert.\n", c_pbtxt);
}
