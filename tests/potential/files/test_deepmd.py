"""Fields of DeePMD-kit's model files: their effect, and refusal of unsupported ones."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.container import Tree, read_tree
from deepaw.potential.files.deepmd import deepmd_differences, model_of, tree_of, write_deepmd
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential.files.peer_models import path_of, places


def _tree(case: str = "one_side") -> Tree:
    return read_tree(path_of(case))


def _energies(model: PotentialModel, case: str = "one_side") -> torch.Tensor:
    place = places(case)["tric"]
    with torch.no_grad():
        return model(place.environment(model.rcut), place.fparam, place.aparam)


def _set(place: str, value: Any) -> Callable[[Tree], None]:
    """Return a function that sets one entry of a tree, such as 'model.descriptor.embeddings.networks.0'."""

    def change(tree: Tree) -> None:
        node: Any = tree
        *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
        for part in path:
            node = node[part]
        node[last] = value

    return change


def _change(place: str, function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        node: Any = tree
        *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
        for part in path:
            node = node[part]
        node[last] = function(node[last])

    return change


def _drop(place: str) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        node: Any = tree
        *path, last = place.split(".")
        for part in path:
            node = node[part]
        del node[last]

    return change


D, F = "model.descriptor.", "model.fitting."
DAVG = f"{D}@variables.davg"
FIRST = f"{D}embeddings.networks.0.layers.0."
HIDDEN = f"{F}nets.networks.1.layers.0."


def _one_slot_differs(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[0, 3, 0] += 1e-3
    return values


def _not_a_number(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.nan)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_set("model.type", "linear"), r"model\.type is 'linear'"),
        (_set("model.@version", 3), r"model has version 3; this deepaw reads up to 2; update"),
        (_set("model.news", 1), r"model\.news is a field that this deepaw does not know"),
        (_set("model.atom_exclude_types", "O"), r"model\.atom_exclude_types is not supported"),
        (_set("model.@variables.out_bias", np.zeros((1, 3, 1))), r"out_bias has the shape \(1, 3, 1\)"),
        (_drop("model.descriptor"), r"model\.descriptor is missing"),
        (_set("model.descriptor", 3), r"model\.descriptor is 3, where an object belongs"),
        (_set(D + "type", "dpa2"), r"descriptor\.type is 'dpa2', which is not supported"),
        (_set(D + "@version", 4), r"descriptor has version 4"),
        (_set(D + "spin", {"use_spin": [True]}), r"descriptor\.spin is"),
        (_set(D + "type_map", ["H", "O"]), r"descriptor\.type_map is \['H', 'O'\]"),
        (_set(D + "env_mat.use_exp_switch", True), r"env_mat\.use_exp_switch is True"),
        (_set(D + "env_mat.rcut", 5.0), r"env_mat\.rcut is 5\.0"),
        (_set(D + "activation_function", "sin"), "activation function 'sin'"),
        (_set(D + "sel", [36]), r"sel has 1 entries"),
        (_set(D + "rcut_smth", 9.0), "rcut_smth is 9"),
        (_set(D + "neuron", [3]), r"layers has 2 entries where 1"),
        (_set(D + "exclude_types", [[0, 7]]), r"exclude_types has \[0, 7\]"),
        (_set(D + "concat_output_tebd", True), "concat_output_tebd is a field"),
        (_change(DAVG, _one_slot_differs), r"davg differs from slot to slot"),
        (_change(DAVG, _not_a_number), r"davg holds values that are not finite"),
        (_change(DAVG, lambda values: values[:, 1:]), r"davg has the shape \(2, 35, 4\) where \(2, 36, 4\)"),
        (_set(DAVG, None), "davg is missing"),
        (_change(f"{D}@variables.dstd", np.zeros_like), "dstd holds zeros"),
        (_set(D + "embeddings.ndim", 2), r"embeddings\.ndim is 2"),
        (_set(D + "embeddings.networks", []), "networks has 0 entries where 2"),
        (_set(D + "embeddings.networks.1", None), r"networks\[1\] is null"),
        (_set(FIRST + "activation_function", "relu"), r"layers\[0\]\.activation_function is 'relu'"),
        (_set(f"{D}embeddings.networks.0.layers.1.resnet", False), r"layers\[1\]\.resnet is False"),
        (_set(FIRST + "@variables.idt", np.ones(3)), r"@variables\.idt is there"),
        (_set(FIRST + "@variables.w", np.ones((2, 3))), r"layers\[0\]\.@variables\.w has the shape \(2, 3\)"),
        (_set(FIRST + "@variables.b", np.ones(4)), r"@variables\.b has 4 values where 3"),
        (_set(F + "type", "dos"), r"fitting\.type is 'dos'"),
        (_set(F + "@version", 5), "fitting has version 5"),
        (_set(F + "var_name", "dos"), r"var_name is 'dos'"),
        (_set(F + "dim_descrpt", 13), r"dim_descrpt is 13"),
        (_set(F + "dim_case_embd", 2), r"dim_case_embd is 2"),
        (_set(F + "tot_ener_zero", True), r"tot_ener_zero is True"),
        (_set(F + "spin", {}), r"fitting\.spin is \{\}"),
        (_set(F + "layer_name", [None, "shared", None]), "layers that nets share"),
        (_set(F + "atom_ener", 3.0), r"atom_ener is 3\.0"),
        (_set(F + "default_fparam", [1.0]), "default_fparam has 1 numbers"),
        (_set(F + "@variables.bias_atom_e", np.zeros(3)), "bias_atom_e has 3 values"),
        (_set(F + "@variables.case_embd", np.ones(2)), r"@variables\.case_embd is a field"),
        (_set(HIDDEN + "@variables.w", np.ones((13, 5))), r"@variables\.w has the shape \(13, 5\)"),
        (_set(HIDDEN + "@version", 3), r"nets\.networks\[1\]\.layers\[0\] has version 3"),
    ],
)
def test_refused_by_name(change: Callable[[Tree], None], match: str) -> None:
    tree = _tree()
    change(tree)
    with pytest.raises(InputError, match=match) as caught:
        model_of(tree, "some/model.dp")
    text = str(caught.value)
    assert text.startswith("some/model.dp: ") and "\n" not in text and text.endswith(".")


def test_atom_parameters_as_mask_are_refused() -> None:
    tree = _tree("parameters")
    tree["model"]["fitting"]["use_aparam_as_mask"] = True
    with pytest.raises(InputError, match="use_aparam_as_mask is True"):
        model_of(tree, "model.dp")


@pytest.mark.parametrize(
    "change",
    [
        _set(D + "@version", 3),
        _set(D + "compress", {"@variables": {"compress_data": [np.ones(2)], "compress_info": [np.ones(6)]}}),
        _set("model.rcond", 1e-3),
        _set("model.preset_out_bias", {"energy": [None, None]}),
        _set("model.@variables.out_std", np.full((1, 2, 1), 3.0)),
        _set(F + "use_aparam_as_mask", True),
        _set(F + "atom_ener", [None, None]),
        _set(F + "layer_name", [None, None, None]),
        _set(D + "type", "se_a"),
        _set(D + "type_map", None),
        _set(FIRST + "activation_function", "Tanh"),
        _set(HIDDEN + "trainable", False),
        _drop(D + "env_mat"),
        _drop(F + "dim_case_embd"),
    ],
)
def test_fields_that_change_no_energy(change: Callable[[Tree], None]) -> None:
    tree = _tree()
    right = _energies(model_of(tree, "model.dp"))
    change(tree)
    assert torch.equal(_energies(model_of(tree, "model.dp")), right)


def test_energies_of_single_atoms_may_stand_in_the_fitting_net() -> None:
    tree = _tree()
    right = _energies(model_of(tree, "model.dp"))
    variables, fitting = tree["model"]["@variables"], tree["model"]["fitting"]["@variables"]
    fitting["bias_atom_e"], variables["out_bias"] = variables["out_bias"].reshape(2, 1), np.zeros((1, 2, 1))
    assert torch.equal(_energies(model_of(tree, "model.dp")), right)


def test_types_that_a_fitting_net_leaves_out_keep_the_bias_of_the_model() -> None:
    tree = _tree()
    tree["model"]["fitting"]["exclude_types"] = [1]
    tree["model"]["fitting"]["@variables"]["bias_atom_e"] = np.array([[0.5], [7.0]])
    right = _energies(model_of(_tree(), "model.dp"))
    found = _energies(model_of(tree, "model.dp"))
    atype = torch.from_numpy(places("one_side")["tric"].atype)
    torch.testing.assert_close(found[atype == 0], right[atype == 0] + 0.5)
    assert (found[atype == 1] == tree["model"]["@variables"]["out_bias"][0, 1, 0]).all()


def test_one_fitting_net_for_all_types() -> None:
    tree, shared = _tree(), _tree()
    networks = tree["model"]["fitting"]["nets"]["networks"]
    networks[1] = networks[0]
    fitting = shared["model"]["fitting"]
    fitting["mixed_types"], fitting["nets"]["ndim"], fitting["nets"]["networks"] = True, 0, [networks[0]]
    one, other = model_of(tree, "model.dp"), model_of(shared, "model.dp")
    assert torch.equal(_energies(one), _energies(other))


def test_layers_without_bias_and_timesteps_without_the_flag() -> None:
    tree, other = _tree(), _tree()
    tree["model"]["descriptor"]["embeddings"]["networks"][0]["layers"][0]["@variables"]["b"] = None
    other["model"]["descriptor"]["embeddings"]["networks"][0]["layers"][0]["@variables"]["b"] = np.zeros(3)
    other["model"]["descriptor"]["embeddings"]["networks"][1]["layers"][1]["@variables"]["idt"] = np.ones(6)
    one, two = model_of(tree, "model.dp"), model_of(other, "model.dp")
    assert not one.config.descriptor.resnet_dt and two.config.descriptor.resnet_dt
    torch.testing.assert_close(_energies(one), _energies(two), rtol=1e-13, atol=0)


def test_nets_of_excluded_pairs_may_be_left_out() -> None:
    tree = _tree("excluded_pairs")
    right = _energies(model_of(tree, "model.dp"), "excluded_pairs")
    networks = tree["model"]["descriptor"]["embeddings"]["networks"]
    networks[1] = networks[2] = None  # O-H and H-O
    written = tree_of(model_of(tree, "model.dp"))
    assert not written["model"]["descriptor"]["embeddings"]["networks"][1]["layers"][0]["@variables"]["w"].any()
    # empty slots still go through the net of their pair, as in DeePMD-kit, where it is 0 then
    assert torch.isfinite(_energies(model_of(tree, "model.dp"), "excluded_pairs")).all()
    assert not torch.equal(_energies(model_of(tree, "model.dp"), "excluded_pairs"), right)


def test_a_short_list_of_single_atoms_reaches_all_types() -> None:
    tree = _tree("atom_ener")
    tree["model"]["fitting"]["atom_ener"] = [[-3.0]]
    assert model_of(tree, "model.dp").config.fitting_net.atom_ener == (-3.0, 0.0)


def test_provenance_and_shortest_distance() -> None:
    tree = _tree()
    model = model_of(tree, "model.dp")
    assert model.fixed_slots and model.closest is None
    assert model.provenance["deepmd"]["software"] == "deepmd-kit"
    assert model.provenance["deepmd"]["model_def_script"] == tree["model_def_script"]
    tree["time"] = datetime(2026, 11, 22)
    assert model_of(tree, "model.dp").provenance["deepmd"]["time"] == "2026-11-22 00:00:00"
    tree["@variables"] = {"min_nbor_dist": np.array(0.88)}
    assert model_of(tree, "model.dp").closest == 0.88
    tree["@variables"] = {"min_nbor_dist": np.array(-1.0)}
    assert model_of(tree, "model.dp").closest is None


@pytest.mark.parametrize("kind", ["se_e2_a", "se_e2_r", "hybrid"])
def test_models_made_here_can_be_written(kind: str) -> None:
    part = {"sel": [4, 8], "rcut": 3.0, "neuron": [3, 6], "precision": "default"}
    parts: dict[str, Any] = {
        "se_e2_a": {"type": "se_e2_a", "axis_neuron": 2, **part},
        "se_e2_r": {"type": "se_e2_r", **part},
    }
    parts["hybrid"] = {"type": "hybrid", "list": list(parts.values())}
    config = ModelConfig.model_validate(
        {"type_map": ["O", "H"], "descriptor": parts[kind], "fitting_net": {"neuron": [4], "precision": "float32"}}
    )
    model = PotentialModel(config, generator=torch.Generator().manual_seed(0))
    tree = tree_of(model)
    assert tree["model_def_script"]["descriptor"]["type"] == kind
    assert tree["model"]["fitting"]["precision"] == "float32"
    back = model_of(tree, "model.dp")
    assert not back.fixed_slots
    assert all(torch.equal(back.state_dict()[name], value) for name, value in model.state_dict().items())


def test_networks_in_bfloat16_stay_in_native_files(tmp_path: Path) -> None:
    descriptor = {"sel": [4], "neuron": [3, 6], "precision": "bfloat16"}
    config = ModelConfig.model_validate({"type_map": ["H"], "descriptor": descriptor, "fitting_net": {"neuron": [4]}})
    with pytest.raises(InputError, match="bfloat16 cannot be written"):
        write_deepmd(tmp_path / "model.dp", PotentialModel(config))
    assert not list(tmp_path.iterdir())


def _nodes(node: Any) -> list[tuple[Any, Any]]:
    """Return every entry of a tree as (container, key)."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [entry for key in keys for entry in ((node, key), *_nodes(node[key]))]


@pytest.mark.parametrize("case", ["hybrid_dropped", "parameters"])
@pytest.mark.parametrize("value", [[], {}, "text", -1, 2.5, None, [[1]], ["a"], {"a": 1}], ids=repr)
def test_invalid_values_anywhere_are_read_or_refused(case: str, value: Any) -> None:
    tree = _tree(case)
    for container, key in _nodes(tree):
        right, container[key] = container[key], value
        try:
            if isinstance(tree["model"], dict):  # as read_tree makes sure
                model_of(tree, "model.dp")
        except InputError as error:
            assert "\n" not in str(error)
        container[key] = right


def test_default_type_embeddings_need_no_section() -> None:
    tree = _tree("atten")
    for precision in ("float64", "default"):
        tree["model"]["descriptor"]["type_embedding"]["precision"] = precision
        assert model_of(tree, "a file").config.type_embedding is None
    tree["model"]["descriptor"]["type_embedding"]["precision"] = "float32"
    assert model_of(tree, "a file").config.type_embedding is not None


def test_nets_of_pairs_of_distances_are_read_and_not_written() -> None:
    descriptor = {"type": "se_e2_r", "sel": [8, 8], "neuron": [4], "type_one_side": False}
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": descriptor})
    with pytest.raises(InputError, match="type_one_side false cannot be written"):
        tree_of(PotentialModel(config))
    tree = _tree("radial")
    embeddings = tree["model"]["descriptor"]["embeddings"]
    embeddings["networks"] = [embeddings["networks"][kind] for kind in (0, 0, 1, 1)]
    embeddings["ndim"] = 2
    tree["model"]["descriptor"]["type_one_side"] = False
    torch.testing.assert_close(_energies(model_of(tree, "a file"), "radial"), _energies(model_of(_tree("radial"), "a")))


@pytest.mark.parametrize(
    ("case", "changes", "sentences"),
    [
        ("excluded", {}, 0),
        ("one_side", {"fixed_slots": False}, 1),
        ("excluded", {"fixed_slots": False}, 2),
        ("radial_excluded", {"fixed_slots": False}, 2),
        ("pair_excluded_radial", {"fixed_slots": False}, 1),
    ],
)
def test_differences_to_deepmd_kit(case: str, changes: dict, sentences: int) -> None:
    tree = _tree(case) | changes
    assert len(deepmd_differences(model_of(tree, "a file"))) == sentences
    tree["model"]["descriptor"]["@variables"]["davg"][:] = 0
    assert len(deepmd_differences(model_of(tree, "a file"))) == min(sentences, 1)
