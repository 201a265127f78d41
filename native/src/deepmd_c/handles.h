// Objects behind the pointers of DeePMD-kit's C interface, and how their functions end with an error.
#pragma once
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepaw.h"
#include "deepmd/c_api.h"

namespace deepmd_c {

// Error whose sentence a caller reads from ...CheckOK.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct CloseModel {
    void operator()(deepaw_model *model) const { deepaw_close(model); }
};
using Model = std::unique_ptr<deepaw_model, CloseModel>;

struct Handle {
    std::vector<Model> models;  // none where they could not be opened; error says why
    std::string error;          // of the last call, or empty

    Handle() = default;
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    virtual ~Handle() = default;

    const deepaw_model *first() const { return models.empty() ? nullptr : models.front().get(); }
};

// Call a function; the handle's error becomes the sentence of the exception that it throws, or empty.
template <class Function>
void run_guarded(Handle &handle, Function function) {
    try {
        handle.error.clear();
        function();
    } catch (const std::exception &exception) {
        handle.error = exception.what();
    }
}

// Call a function that needs models. Where they could not be opened, nothing is done and that error stands.
template <class Function>
void run_evaluation(Handle &handle, Function function) {
    if (!handle.models.empty()) run_guarded(handle, function);
}

// Return a copy of a text, which the caller frees by DP_DeleteChar.
const char *copy_text(const std::string &text);

// Return the names of the types of a model, separated by spaces; none for NULL, or for types that are numbers alone.
std::string type_map(const deepaw_model *model);

}  // namespace deepmd_c

struct DP_DeepBaseModel : deepmd_c::Handle {};
struct DP_DeepBaseModelDevi : deepmd_c::Handle {};
struct DP_DeepPot : DP_DeepBaseModel {};
struct DP_DeepPotModelDevi : DP_DeepBaseModelDevi {};
struct DP_DeepSpin : DP_DeepBaseModel {};
struct DP_DeepSpinModelDevi : DP_DeepBaseModelDevi {};
struct DP_DeepTensor : deepmd_c::Handle {
    std::vector<int> selected;  // types whose atoms have a tensor
};
struct DP_DipoleChargeModifier : deepmd_c::Handle {};

struct DP_Nlist {
    deepaw_neighbour_list list;
};
