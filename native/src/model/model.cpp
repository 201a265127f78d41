#include "model.h"

#include "error.h"

namespace deepaw {
namespace {

constexpr int64_t VERSION = 1;
const std::string PREFIX = "prepared.";

// Settings of the prepared form. Throws ModelError where there is none, or one that is not evaluated.
const Json &prepared(const ModelFile &file) {
    const Json &description = file.description();
    if (!description.has("kind") || description["kind"].text() != "potential")
        throw ModelError(file.path() + " is a model of kind '" +
                         (description.has("kind") ? description["kind"].text() : std::string("?")) +
                         "'; a potential is needed here.");
    if (!description.has("prepared"))
        throw ModelError(file.path() + " was written without what libdeepaw reads; write it again with 'deepaw convert " +
                         file.path() + " NEW.safetensors'.");
    const Json &prepared = description["prepared"];
    if (prepared["version"].integer() > VERSION)
        throw ModelError(file.path() + " was written by a newer deepaw; update libdeepaw.");
    if (prepared.has("refused"))
        throw ModelError(file.path() + " has " + prepared["refused"].text() + ", which libdeepaw does not evaluate.");
    return prepared;
}

}  // namespace

void resolve_names(ModelFile &file) {
    std::map<std::string, std::string> aliases;
    for (const auto &[name, other] : prepared(file)["aliases"].object()) aliases[PREFIX + name] = PREFIX + other.text();
    file.set_aliases(aliases);
}

Description::Description(const ModelFile &file) : path(file.path()) {
    const Json &settings = prepared(file);
    text = file.description()["model"].source();
    if (const Json &value = file.description()["closest"]; !value.is_null()) closest = value.number();
    quantity = settings["quantity"].text();
    for (const Json &name : settings["type_map"].list()) types.push_back(name.text());
    visibility.ntypes = ntypes();
    visibility.cutoff = settings["rcut"].number();
    for (const Json &count : settings["sel"].list()) sel.push_back(count.integer());
    if (settings["fixed_slots"].boolean()) {
        visibility.most = 0;
        for (const int64_t count : sel) visibility.most += count;
    }
    visibility.neighbours = file.read<uint8_t>(PREFIX + "neighbours", int64_t(ntypes()) * ntypes());
    for (const uint8_t visible : visibility.neighbours) visibility.excludes_pairs |= !visible;
    mask = file.read<double>(PREFIX + "type_mask", ntypes());
    fparam_mean = file.read<double>(PREFIX + "fparam_mean");
    fparam_scale = file.read<double>(PREFIX + "fparam_scale", nfparam());
    aparam_mean = file.read<double>(PREFIX + "aparam_mean");
    aparam_scale = file.read<double>(PREFIX + "aparam_scale", naparam());
    if (const Json &values = settings["default_fparam"]; !values.is_null()) {
        has_default_fparam = true;
        for (const Json &value : values.list()) default_fparam.push_back(value.number());
    }
    if (quantity == "polar") {
        fit_diag = settings["fit_diag"].boolean();
        scale = file.read<double>(PREFIX + "scale", ntypes());
        shift = file.read<double>(PREFIX + "shift", ntypes());
    }
    if (quantity == "ener") bias = file.read<double>(PREFIX + "bias", ntypes());
    if (!settings.has("table")) return;
    has_table = true;
    const Json &range = settings["table"];
    table.rmin = range["rmin"].number();
    table.rmax = range["rmax"].number();
    table.alpha = range["alpha"].number();
    table.first = range["first"].number();
    table.spacing = range["spacing"].number();
    table.coefficients = file.read<double>(PREFIX + "table");
    table.pieces = int64_t(table.coefficients.size()) / (4 * ntypes() * ntypes());
    table.shift = file.read<double>(PREFIX + "table_shift", ntypes());
}

namespace {

template <class T>
Form<T> read_form(const ModelFile &file, const Description &description, size_t number, const Json &settings) {
    const std::string prefix = PREFIX + std::to_string(number) + ".";
    const auto &parts = settings["parts"].list(), &kinds = settings["kinds"].list();
    if (int(kinds.size()) != description.ntypes())
        throw ModelError(file.path() + " is prepared for another number of types; it was written damaged.");
    Form<T> form;
    form.covers = settings["covers"].number();
    for (size_t part = 0; part < parts.size(); ++part) {
        const bool triples = parts[part]["kind"].text() == "triples";
        form.ends = form.ends || triples;
        form.parts.push_back(triples ? read_triple_part<T>(file, prefix, int(part), parts[part], description.ntypes())
                                     : read_pair_part<T>(file, prefix, int(part), parts[part], kinds,
                                                         description.ntypes()));
        if (const Json &limits = parts[part]["limits"]; !limits.is_null())
            for (const Json &limit : limits.list()) form.parts.back()->limits.push_back(limit.integer());
    }
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
        const std::string of_kind = prefix + "kind" + std::to_string(kind) + ".";
        std::vector<int64_t> offsets = {0}, vectors = {0}, always_one;
        for (size_t part = 0; part < parts.size(); ++part) {
            offsets.push_back(offsets.back() + form.parts[part]->features(int(kind)));
            vectors.push_back(vectors.back() + form.parts[part]->functions(int(kind)));
            if (kinds[kind]["parts"][part]["typed"].boolean())
                always_one.push_back(offsets.back() + int64_t(always_one.size()));
        }
        FittingNet<T> net(file, of_kind, kinds[kind]["layers"].list(), always_one);
        if (net.features() != offsets.back())
            throw ModelError(file.path() + " has a fitting net that does not fit its descriptor; it was written damaged.");
        Kind<T> entry{offsets, vectors, std::move(net), kinds[kind]["isolated"].boolean(), vectors.back(), {}};
        if (file.has(of_kind + "directions")) {
            entry.channels = file.shape(of_kind + "directions")[1];
            entry.directions = file.read<T>(of_kind + "directions", vectors.back() * entry.channels);
        }
        form.kinds.push_back(std::move(entry));
    }
    return form;
}

}  // namespace

template <class T>
std::vector<Form<T>> read_forms(const ModelFile &file, const Description &description) {
    const std::string precision = sizeof(T) == 8 ? "float64" : "float32";
    const auto &settings = prepared(file)["forms"].list();
    std::vector<Form<T>> forms;
    for (size_t number = 0; number < settings.size(); ++number)
        if (settings[number]["precision"].text() == precision)
            forms.push_back(read_form<T>(file, description, number, settings[number]));
    if (forms.empty()) throw ModelError(file.path() + " is not prepared for " + precision + "; it was written damaged.");
    return forms;
}

template std::vector<Form<float>> read_forms(const ModelFile &, const Description &);
template std::vector<Form<double>> read_forms(const ModelFile &, const Description &);

}  // namespace deepaw
