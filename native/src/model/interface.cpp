// The C interface of models (include/deepaw.h): no exception leaves it.
#include <cmath>
#include <new>

#include "deepaw_native.h"
#include "error.h"
#include "evaluator.h"

using namespace deepaw;

struct deepaw_model {
    std::unique_ptr<Evaluator> evaluator;
};

namespace {

std::string &last_error() {
    static thread_local std::string sentence;
    return sentence;
}

// Whether work() ended without an error, which is kept.
template <class Work>
bool succeeds(Work work) {
    try {
        work();
        return true;
    } catch (const std::bad_alloc &) {
        last_error() = "memory is exhausted.";
    } catch (const std::exception &error) {
        last_error() = error.what();
    }
    return false;
}

// read() gives the file of the model.
template <class Read>
deepaw_model *open(Read read, int bits) {
    std::unique_ptr<deepaw_model> model;
    const bool opened = succeeds([&] {
        model = std::make_unique<deepaw_model>();
        model->evaluator = make_evaluator(read(), bits);
    });
    return opened ? model.release() : nullptr;
}

template <class Result>
int evaluate(deepaw_model *model, const deepaw_atoms *atoms, const deepaw_neighbour_list *list, int threads,
             const Result *result) {
    return succeeds([&] { model->evaluator->evaluate(*atoms, list, threads < 1 ? 1 : threads, *result); }) ? 0 : 1;
}

}  // namespace

int deepaw_version(void) { return DEEPAW_VERSION; }

const char *deepaw_error(void) { return last_error().c_str(); }

deepaw_model *deepaw_open(const char *path, int bits) {
    return open([&] { return ModelFile(path); }, bits);
}

deepaw_model *deepaw_open_bytes(const void *bytes, int64_t size, int32_t bits) {
    return open([&] { return ModelFile("the model", std::string(static_cast<const char *>(bytes), size_t(size))); }, bits);
}

void deepaw_close(deepaw_model *model) { delete model; }

double deepaw_cutoff(const deepaw_model *model) { return model->evaluator->description.visibility.cutoff; }

int deepaw_ntypes(const deepaw_model *model) { return model->evaluator->description.ntypes(); }

const char *deepaw_type_name(const deepaw_model *model, int type) {
    const auto &types = model->evaluator->description.types;
    return type < 0 || size_t(type) >= types.size() ? nullptr : types[size_t(type)].c_str();
}

int deepaw_nfparam(const deepaw_model *model) { return int(model->evaluator->description.nfparam()); }

int deepaw_naparam(const deepaw_model *model) { return int(model->evaluator->description.naparam()); }

const double *deepaw_default_fparam(const deepaw_model *model) {
    const Description &description = model->evaluator->description;
    return description.has_default_fparam ? description.default_fparam.data() : nullptr;
}

int deepaw_tensor_size(const deepaw_model *model) { return model->evaluator->description.tensor_size(); }

int deepaw_selects(const deepaw_model *model, int type) {
    const auto &mask = model->evaluator->description.mask;
    return type >= 0 && size_t(type) < mask.size() && mask[size_t(type)] != 0;
}

const char *deepaw_description(const deepaw_model *model) { return model->evaluator->description.text.c_str(); }

int deepaw_evaluate(deepaw_model *model, const deepaw_atoms *atoms, const deepaw_neighbour_list *list, int threads,
                    const deepaw_energy_result *result) {
    return evaluate(model, atoms, list, threads, result);
}

int deepaw_evaluate_tensor(deepaw_model *model, const deepaw_atoms *atoms, const deepaw_neighbour_list *list,
                           int threads, const deepaw_tensor_result *result) {
    return evaluate(model, atoms, list, threads, result);
}

int32_t deepaw_evaluate_sorted(deepaw_model *model, const deepaw_list *list, int64_t natoms, const int32_t *types,
                               const double *parameters, int64_t first, int64_t last, int32_t threads,
                               const deepaw_energy_result *result) {
    return succeeds([&] {
               model->evaluator->evaluate_sorted(list, natoms, types, parameters, first, last, threads, *result);
           })
               ? 0
               : 1;
}

const char *deepaw_take_warning(deepaw_model *model) { return model->evaluator->take_warning(); }

void deepaw_deviation(int nmodels, int64_t rows, int width, const double *const *values, double *deviation) {
    for (int64_t row = 0; row < rows; ++row) {
        double total = 0;
        for (int64_t i = row * width; i < (row + 1) * width; ++i) {
            double mean = 0;
            for (int m = 0; m < nmodels; ++m) mean += values[m][i] / nmodels;
            for (int m = 0; m < nmodels; ++m) total += (values[m][i] - mean) * (values[m][i] - mean) / nmodels;
        }
        deviation[row] = std::sqrt(total);
    }
}
