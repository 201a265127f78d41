"""Agreement of frozen graphs with DeePMD-kit's TensorFlow backend, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepPolar, DeepPot
from deepaw.potential.files.formats import read_model, write_potential
from deepaw.potential.files.graph.messages import GRAPH
from potential.files.graph_models import CASES, content, edited, structures, unpack

TENSORS = [case for case in CASES if "tensor" in next(iter(structures(case).values()))]
ENERGIES = [case for case in CASES if case not in TENSORS]
TEXTS = ["one_side", "old_0_12"]

LIMITS = {"single": 1e-6, "one_side": 1e-8, "old_1_0": 1e-8}
"""Deviations of nets in float32, and of those with gelu_tf, whose coefficient TensorFlow rounds to float32."""

WRONG_FORCES = ("frame",)
"""Cases where forces of DeePMD-kit are not the derivatives of its energies."""


def results(path: Path, place: dict[str, np.ndarray], precision: str = "exact") -> dict[str, np.ndarray]:
    """Return the results of a model for a structure, in the shapes of the references."""
    arguments = place["coord"], place.get("cell"), place["atype"]
    if "tensor" in place:
        model = {3: DeepDipole, 9: DeepPolar}[place["tensor"].size](path, precision)
        tensor, force, virial, atom_tensor, _ = model.eval_full(*arguments, atomic=True)
        return {"tensor": tensor[0], "atom_tensor": atom_tensor[0], "force": force[0], "virial": virial[0]}
    parameters = {name: place.get(name) for name in ("fparam", "aparam")}
    energy, force, virial, atom_energy, _ = DeepPot(path, precision).eval(*arguments, atomic=True, **parameters)
    found = {"energy": energy[0, 0], "force": force[0], "atom_energy": atom_energy[0, :, 0]}
    # there is no box around a cluster, and DeePMD-kit gives it no virial
    return found if place.get("aparam", np.zeros((1, 0))).shape[1] == 1 else found | {"virial": virial[0]}


@pytest.mark.parametrize("case", CASES)
def test_agreement_with_deepmd_kit(case: str, tmp_path: Path) -> None:
    path = unpack(case, tmp_path)
    limit = LIMITS.get(case, 1e-11)
    for place in structures(case).values():
        for name, value in results(path, place).items():
            if name in ("force", "virial") and case in WRONG_FORCES:
                continue
            largest = np.abs(place[name]).max()
            assert largest > 1e-4
            np.testing.assert_allclose(value, place[name], rtol=0, atol=limit * largest, err_msg=name)


@pytest.mark.parametrize("case", ["pairs", "typed", "triples", "atten", "polar", "table"])
def test_fast_evaluation(case: str, tmp_path: Path) -> None:
    place = structures(case)["tric"]
    for name, value in results(unpack(case, tmp_path), place, "float64").items():
        np.testing.assert_allclose(value, place[name], rtol=0, atol=1e-9 * np.abs(place[name]).max(), err_msg=name)


@pytest.mark.parametrize("case", TEXTS)
def test_text(case: str, tmp_path: Path) -> None:
    binary, text = (read_model(unpack(case, tmp_path, suffix)) for suffix in (".pb", ".pbtxt"))
    assert text.config == binary.config
    for name, value in binary.state_dict().items():
        assert (text.state_dict()[name] == value).all(), name


@pytest.mark.parametrize("case", ["pairs", "radial_excluded", "hybrid", "typed", "table", "atten_strip", "polar_full"])
def test_conversion(case: str, tmp_path: Path) -> None:
    model = read_model(unpack(case, tmp_path))
    write_potential(tmp_path / "model.safetensors", model)
    place = structures(case)["pbc"]
    for name, value in results(tmp_path / "model.safetensors", place).items():
        np.testing.assert_allclose(value, place[name], rtol=0, atol=1e-12 * np.abs(place[name]).max(), err_msg=name)


@pytest.mark.parametrize("case", ["pairs", "hybrid", "one_side", "atten", "dipole"])
def test_conversion_to_files_of_deepmd_kit(case: str, tmp_path: Path) -> None:
    model = read_model(unpack(case, tmp_path))
    write_potential(tmp_path / "model.dp", model)
    converted = read_model(tmp_path / "model.dp")
    assert converted.fixed_slots and converted.closest == model.closest
    for name, value in model.state_dict().items():
        assert (converted.state_dict()[name] == value).all(), name


def test_what_is_kept_of_the_training(tmp_path: Path) -> None:
    def edit(nodes: dict[str, Any]) -> None:
        node = nodes["train_attr/min_nbor_dist"] = type(nodes["t_box"])()
        node.CopyFrom(nodes["descrpt_attr/rcut"])
        node.name = "train_attr/min_nbor_dist"

    model = read_model(edited("pairs", tmp_path, edit))
    assert model.closest == 3.6 and model.fixed_slots
    assert model.provenance["deepmd"]["model_def_script"]["descriptor"]["neuron"] == [3, 6]
    old = read_model(unpack("old_0_12", tmp_path))
    assert old.closest is None and "model_def_script" not in old.provenance["deepmd"]
    assert old.config.type_map == ("Type_0", "Type_1") and old.config.descriptor == model.config.descriptor


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_model(path)
    text = str(error.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text.removeprefix(str(path))


def test_a_compressed_model(tmp_path: Path) -> None:
    assert "is a compressed model: tables stand in place of its embedding nets" in refusal(
        unpack("compressed", tmp_path)
    )


@pytest.mark.parametrize("key", ["smooth_type_embedding", "attn_dotr"])
def test_attention_that_only_tensorflow_has(key: str, tmp_path: Path) -> None:
    def edit(nodes: dict[str, Any]) -> None:
        text = nodes["train_attr/training_script"].attr["value"].tensor.string_val
        script = json.loads(text[0])
        script["model"]["descriptor"][key] = True
        text[:] = [json.dumps(script).encode()]

    assert f"{key} is true" in refusal(edited("atten", tmp_path, edit))


def without(*names: str) -> Any:
    def edit(nodes: dict[str, Any]) -> None:
        for name in names:
            del nodes[name]

    return edit


@pytest.mark.parametrize(
    ("case", "name", "expected"),
    [
        ("pairs", "ProdEnvMatA", "no operation finds the environments"),
        ("pairs", "descrpt_attr/ntypes", "descrpt_attr/ntypes is missing; it is not a frozen model of DeePMD-kit"),
        ("pairs", "descrpt_attr/t_std", "descrpt_attr/t_std is missing"),
        ("pairs", "filter_type_0/matrix_1_1", "some embedding nets filter_type_*/matrix_1_* are missing"),
        ("pairs", "filter_type_0/matrix_2_1", "has 1 entries where 2 belong"),
        ("one_side", "filter_type_all/matrix_1_0", "no embedding net filter_type_all/matrix_1_0"),
        ("triples", "filter_type_all/matrix_1_0_1", "filter_type_all/matrix_1_0_1 is missing"),
        ("dipole", "model_attr/sel_type", "model_attr/sel_type is missing"),
        ("atten", "train_attr/training_script", "no training script, which se_atten needs"),
        ("mask", "train_attr/training_script", "no training script with sel, which se_a_mask needs"),
        ("one_side_excluded", "train_attr/training_script", "a mask excludes pairs of types"),
    ],
)
def test_what_is_missing(case: str, name: str, expected: str, tmp_path: Path) -> None:
    assert expected in refusal(edited(case, tmp_path, without(name)))


def test_models_of_other_kinds(tmp_path: Path) -> None:
    def of_kind(kind: bytes) -> Any:
        def edit(nodes: dict[str, Any]) -> None:
            nodes["model_attr/model_type"].attr["value"].tensor.string_val[:] = [kind]

        return edit

    def of_operation(nodes: dict[str, Any]) -> None:
        nodes["ProdEnvMatA"].op = "DescrptSeAEf"

    def with_spins(nodes: dict[str, Any]) -> None:
        nodes["spin_attr/ntypes_spin"] = type(nodes["t_box"])(name="spin_attr/ntypes_spin", op="Const")

    def changed_sel(nodes: dict[str, Any]) -> None:
        nodes["descrpt_attr/original_sel"].attr["value"].tensor.CopyFrom(
            nodes["descrpt_attr/ntypes"].attr["value"].tensor
        )

    def shared(nodes: dict[str, Any]) -> None:
        nodes["share_one/matrix"] = type(nodes["t_box"])(name="share_one/matrix", op="Const")

    for edit, expected in (
        (of_kind(b"dos"), "is a model of type 'dos', which is not supported"),
        (of_operation, "DescrptSeAEf, which finds the environments of atoms, belongs to an unsupported descriptor"),
        (with_spins, "is a model with spins, which is not supported"),
        (changed_sel, "sel is [12, 20] and was 2 before"),
        (shared, "fitting nets share layers"),
    ):
        assert expected in refusal(edited("pairs", tmp_path, edit))


def test_a_hybrid_with_an_embedding_of_types(tmp_path: Path) -> None:
    def edit(nodes: dict[str, Any]) -> None:
        for node in GRAPH.FromString(content("typed")).node:
            if node.name.startswith("type_embed_net/"):
                nodes[node.name] = node

    assert "is a hybrid with an embedding of types" in refusal(edited("hybrid", tmp_path, edit))


def test_a_table_beside_other_energies(tmp_path: Path) -> None:
    def edit(nodes: dict[str, Any]) -> None:
        tensor = nodes["model_attr/model_attr/t_out_bias"].attr["value"].tensor
        tensor.tensor_content = np.array([1.0, 0.0]).tobytes()

    assert "t_out_bias is not 0" in refusal(edited("table", tmp_path, edit))


def test_a_training_script_that_is_none(tmp_path: Path) -> None:
    for script in (b"no JSON", b"{}", b"[1]", json.dumps({"model": {"descriptor": 1, "fitting_net": {}}}).encode()):

        def edit(nodes: dict[str, Any], script: bytes = script) -> None:
            nodes["train_attr/training_script"].attr["value"].tensor.string_val[:] = [script]

        assert "its training script has no model" in refusal(edited("pairs", tmp_path, edit))


def test_energies_of_types_at_every_place(tmp_path: Path) -> None:
    """Biases and the factor of the outputs of a model count as DeePMD-kit applies them."""

    def edit(nodes: dict[str, Any]) -> None:
        for name, values in (("bias", [0.5, -0.25]), ("std", [2.0, 3.0])):
            tensor = nodes[f"model_attr/model_attr/t_out_{name}"].attr["value"].tensor
            tensor.tensor_content = np.array(values).tobytes()

    place = structures("pairs")["nopbc"]
    found = results(edited("pairs", tmp_path, edit), place)["atom_energy"]
    kind = place["atype"]
    expected = place["atom_energy"] * np.array([2.0, 3.0])[kind] + np.array([0.5, -0.25])[kind]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_biases_of_polarizabilities(tmp_path: Path) -> None:
    """A multiple of the unit matrix for each type, which graphs of converted models have, is added to the tensors."""

    def edit(nodes: dict[str, Any]) -> None:
        name = next(name for name in nodes if name.startswith("Reshape") and name.endswith("/tensor")
                    and nodes[name].attr["dtype"].type == 2)  # fmt: skip
        nodes[name].attr["value"].tensor.CopyFrom(nodes[name].attr["value"].tensor)
        tensor = nodes[name].attr["value"].tensor
        tensor.ClearField("double_val")
        tensor.tensor_content = np.array([5.0, 0.75]).tobytes()

    place = structures("polar")["pbc"]
    found = results(edited("polar", tmp_path, edit), place)["atom_tensor"]
    added = 0.75 * np.eye(3).reshape(9) * (place["atype"] == 1)[:, None]
    np.testing.assert_allclose(found, place["atom_tensor"] + added, rtol=0, atol=1e-12)


def test_operations_of_older_versions(tmp_path: Path) -> None:
    """Biases were added by other operations, and shifts of polarizabilities were constants."""

    def other_sums(nodes: dict[str, Any]) -> None:
        for node in nodes.values():
            node.op = {"BiasAdd": "Add", "BatchMatMulV2": "BatchMatMul", "MatrixDiagV3": "MatrixDiag"}.get(
                node.op, node.op
            )

    def number(nodes: dict[str, Any]) -> None:
        other_sums(nodes)
        (product,) = (name for name, node in nodes.items() if node.op == "Mul" and node.input[1] == "eye/diag")
        shift = nodes[nodes[product].input[0]]
        tensor = shift.attr["value"].tensor
        shift.op, tensor.dtype = "Const", 2
        tensor.double_val[:] = [0.75]

    assert read_model(edited("pairs", tmp_path, other_sums)).config == read_model(unpack("pairs", tmp_path)).config
    polar = read_model(edited("polar", tmp_path, number)).fitting
    assert polar.shift.tolist() == [0.0, 0.75 / 2] and polar.scale.tolist() == [1.0, 2.0]


def test_an_activation_function_that_is_not_known(tmp_path: Path) -> None:
    def edit(nodes: dict[str, Any]) -> None:
        nodes["filter_type_1/Tanh_1"].op = "Selu"

    text = refusal(edited("pairs", tmp_path, edit))
    assert "the activation function after filter_type_1/matrix_2_0, Selu, is not known" in text
