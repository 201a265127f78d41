// Opening, closing and properties of models.
#include <algorithm>

#include "handles.h"
#include "modelfile.h"
#include "settings.h"

namespace deepmd_c {

const char *copy_text(const std::string &text) {
    char *copy = new char[text.size() + 1];
    std::copy_n(text.c_str(), text.size() + 1, copy);
    return copy;
}

std::string type_map(const deepaw_model *model) {
    std::string names;
    bool named = false;
    for (int type = 0; model && type < deepaw_ntypes(model); ++type) {
        const std::string name = deepaw_type_name(model, type);
        named |= name != "Type_" + std::to_string(type);
        names += (type ? " " : "") + name;
    }
    return named ? names : "";
}

namespace {

Model open_model(const char *path, const char *content, int size, bool tensor) {
    const std::string name = path ? path : "";
    const std::string_view bytes = content && size > 0 ? std::string_view(content, size_t(size)) : std::string_view();
    Model model(deepaw_open(native_file(name, bytes).c_str(), precision_bits()));
    if (!model) throw Failure(deepaw_error());
    if ((deepaw_tensor_size(model.get()) > 0) != tensor)
        throw Failure(name + (tensor ? " is a model of energies; a DP_DeepTensor is one of dipoles or polarizabilities."
                                     : " is a model of tensors; a DP_DeepPot is one of energies."));
    return model;
}

void open_one(DP_DeepPot &handle, const char *path, const char *content, int size) {
    run_guarded(handle, [&] { handle.models.push_back(open_model(path, content, size, false)); });
}

// Evaluations give all models the same atoms: types and numbers of parameters have to agree.
void check_agreement(const deepaw_model *model, const deepaw_model *first, const char *path, const char *first_path) {
    const auto fail = [&](const char *what) {
        throw Failure(std::string(path) + " and " + first_path + " have different " + what +
                      "; models of one ensemble need the same.");
    };
    if (type_map(model) != type_map(first) || deepaw_ntypes(model) != deepaw_ntypes(first)) fail("type maps");
    if (deepaw_nfparam(model) != deepaw_nfparam(first)) fail("numbers of frame parameters");
    if (deepaw_naparam(model) != deepaw_naparam(first)) fail("numbers of atom parameters");
}

double cutoff(const Handle &handle) {
    double largest = 0;
    for (const Model &model : handle.models) largest = std::max(largest, deepaw_cutoff(model.get()));
    return largest;
}

int ntypes(const Handle &handle) { return handle.first() ? deepaw_ntypes(handle.first()) : 0; }
int nfparam(const Handle &handle) { return handle.first() ? deepaw_nfparam(handle.first()) : 0; }
int naparam(const Handle &handle) { return handle.first() ? deepaw_naparam(handle.first()) : 0; }

bool has_default_fparam(const Handle &handle) {
    return !handle.models.empty() && std::all_of(handle.models.begin(), handle.models.end(), [](const Model &model) {
        return deepaw_default_fparam(model.get()) != nullptr;
    });
}

}  // namespace
}  // namespace deepmd_c

using namespace deepmd_c;

DP_DeepPot *DP_NewDeepPot(const char *c_model) { return DP_NewDeepPotWithParam2(c_model, 0, nullptr, 0); }

DP_DeepPot *DP_NewDeepPotWithParam(const char *c_model, int gpu_rank, const char *) {
    return DP_NewDeepPotWithParam2(c_model, gpu_rank, nullptr, 0);
}

DP_DeepPot *DP_NewDeepPotWithParam2(const char *c_model, int, const char *c_file_content, int size_file_content) {
    auto *handle = new DP_DeepPot;
    open_one(*handle, c_model, c_file_content, size_file_content);
    return handle;
}

DP_DeepPotModelDevi *DP_NewDeepPotModelDevi(const char **c_models, int n_models) {
    return DP_NewDeepPotModelDeviWithParam(c_models, n_models, 0, nullptr, 0, nullptr);
}

DP_DeepPotModelDevi *DP_NewDeepPotModelDeviWithParam(const char **c_models, int n_models, int,
                                                     const char **c_file_contents, int n_file_contents,
                                                     const int *size_file_contents) {
    auto *handle = new DP_DeepPotModelDevi;
    run_guarded(*handle, [&] {
        if (n_models < 1)
            throw Failure("a model deviation takes 1 model or more, not " + std::to_string(n_models) + ".");
        std::vector<Model> models;
        for (int i = 0; i < n_models; ++i) {
            const bool has_content = i < n_file_contents;
            models.push_back(open_model(c_models[i], has_content ? c_file_contents[i] : nullptr,
                                        has_content ? size_file_contents[i] : 0, false));
            check_agreement(models.back().get(), models.front().get(), c_models[i], c_models[0]);
        }
        handle->models = std::move(models);
    });
    return handle;
}

DP_DeepTensor *DP_NewDeepTensor(const char *c_model) { return DP_NewDeepTensorWithParam(c_model, 0, nullptr); }

DP_DeepTensor *DP_NewDeepTensorWithParam(const char *c_model, int, const char *) {
    auto *handle = new DP_DeepTensor;
    run_guarded(*handle, [&] {
        Model model = open_model(c_model, nullptr, 0, true);
        for (int type = 0; type < deepaw_ntypes(model.get()); ++type)
            if (deepaw_selects(model.get(), type)) handle->selected.push_back(type);
        handle->models.push_back(std::move(model));
    });
    return handle;
}

#define PROPERTIES(Class)                                                                 \
    void DP_Delete##Class(DP_##Class *dp) { delete dp; }                                  \
    double DP_##Class##GetCutoff(DP_##Class *dp) { return cutoff(*dp); }                  \
    int DP_##Class##GetNumbTypes(DP_##Class *dp) { return ntypes(*dp); }                  \
    int DP_##Class##GetNumbTypesSpin(DP_##Class *) { return 0; }                          \
    int DP_##Class##GetDimFParam(DP_##Class *dp) { return nfparam(*dp); }                 \
    int DP_##Class##GetDimAParam(DP_##Class *dp) { return naparam(*dp); }                 \
    bool DP_##Class##IsAParamNAll(DP_##Class *) { return false; }                         \
    bool DP_##Class##HasDefaultFParam(DP_##Class *dp) { return has_default_fparam(*dp); } \
    const char *DP_##Class##CheckOK(DP_##Class *dp) { return copy_text(dp->error); }
PROPERTIES(DeepBaseModel)
PROPERTIES(DeepBaseModelDevi)
PROPERTIES(DeepPot)
PROPERTIES(DeepPotModelDevi)
PROPERTIES(DeepSpin)
PROPERTIES(DeepSpinModelDevi)

const char *DP_DeepBaseModelGetTypeMap(DP_DeepBaseModel *dpbase) { return copy_text(type_map(dpbase->first())); }
const char *DP_DeepPotGetTypeMap(DP_DeepPot *dp) { return copy_text(type_map(dp->first())); }
const char *DP_DeepSpinGetTypeMap(DP_DeepSpin *dp) { return copy_text(type_map(dp->first())); }

int DP_DeepPotGetDimChgSpin(DP_DeepPot *) { return 0; }
int DP_DeepPotModelDeviGetDimChgSpin(DP_DeepPotModelDevi *) { return 0; }
int DP_DeepSpinGetDimChgSpin(DP_DeepSpin *) { return 0; }
int DP_DeepSpinModelDeviGetDimChgSpin(DP_DeepSpinModelDevi *) { return 0; }

void DP_DeleteDeepTensor(DP_DeepTensor *dt) { delete dt; }
double DP_DeepTensorGetCutoff(DP_DeepTensor *dt) { return cutoff(*dt); }
int DP_DeepTensorGetNumbTypes(DP_DeepTensor *dt) { return ntypes(*dt); }
int DP_DeepTensorGetOutputDim(DP_DeepTensor *dt) { return dt->first() ? deepaw_tensor_size(dt->first()) : 0; }
int *DP_DeepTensorGetSelTypes(DP_DeepTensor *dt) { return dt->selected.data(); }
int DP_DeepTensorGetNumbSelTypes(DP_DeepTensor *dt) { return int(dt->selected.size()); }
const char *DP_DeepTensorGetTypeMap(DP_DeepTensor *dt) { return copy_text(type_map(dt->first())); }
const char *DP_DeepTensorCheckOK(DP_DeepTensor *dt) { return copy_text(dt->error); }
