"""Agreement with DeePMD-kit for small models of dipoles and polarizabilities."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.container import read_tree
from deepaw.potential.files.deepmd import model_of, read_deepmd, tree_of
from deepaw.potential.files.formats import read_any, read_potential, read_tensor, write_potential
from deepaw.potential.fitting.polar import PolarFitting
from potential.files.tensor_models import CASES, DERIVATIVES, deviations, path_of, places


@pytest.mark.parametrize("case", CASES)
def test_exact_evaluation_agrees_with_deepmd_kit(case: str) -> None:
    limit = 3e-6 if case.endswith("single") else 1e-12
    found = deviations(case, read_deepmd(path_of(case)))
    assert {"atom_tensor", "tensor", *(DERIVATIVES if case.startswith("dipole") else ())} < set(found)
    for name, deviation in found.items():
        assert deviation < limit, name


def test_only_selected_atoms_have_a_tensor() -> None:
    model = read_tensor(path_of("dipole_selected"), "dipole")
    assert model.fitting.config.sel_type == (0,) and model.selected == [0]
    tensors, types = (places("dipole_selected")["pbc"][name] for name in ("atom_tensor", "atype"))
    assert (tensors[types == 1] == 0).all() and (tensors[types == 0] != 0).all()


@pytest.mark.parametrize("emptied", ["atom_exclude_types", "exclude_types"])
def test_excluded_types_are_read_from_either_place(emptied: str) -> None:
    tree = read_tree(path_of("dipole_selected"))
    expected = model_of(tree, "a file")
    (tree["model"]["fitting"] if emptied == "exclude_types" else tree["model"])[emptied] = []
    found = model_of(tree, "a file")
    assert found.selected == expected.selected == [0]
    assert found.config.fitting_net == expected.config.fitting_net


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".dp", ".yaml"])
def test_round_trip(case: str, suffix: str, tmp_path: Path) -> None:
    first = read_deepmd(path_of(case))
    first.save(tmp_path / "native.safetensors")
    native = read_any(tmp_path / "native.safetensors")
    write_potential(tmp_path / f"back{suffix}", native)
    back = read_any(tmp_path / f"back{suffix}")
    assert native.config == first.config == back.config
    for name, value in first.state_dict().items():
        assert torch.equal(native.state_dict()[name], value), name
        torch.testing.assert_close(back.state_dict()[name], value, rtol=1e-15, atol=0, msg=name)


@pytest.mark.parametrize("case", ["dipole_selected", "polar_scaled", "polar_full_selected"])
def test_written_objects_have_all_fields_of_the_original(case: str) -> None:
    original, written = (
        tree["model"]["fitting"] for tree in (read_tree(path_of(case)), tree_of(read_any(path_of(case))))
    )
    assert set(original) <= set(written)
    for key in set(original) - {"@variables", "nets", "trainable"}:
        assert written[key] == original[key], key
    for key, value in original["@variables"].items():
        np.testing.assert_array_equal(written["@variables"][key], value, key)


def test_shifts_of_both_backends_add_up() -> None:
    """DeePMD-kit's TensorFlow backend keeps the shift of the diagonal in `constant_matrix`."""
    tree = read_tree(path_of("polar_scaled"))
    before = model_of(tree, "a file").fitting
    tree["model"]["fitting"]["@variables"]["constant_matrix"] = np.array([0.5, -2.0])
    after = model_of(tree, "a file").fitting
    assert isinstance(before, PolarFitting) and isinstance(after, PolarFitting)
    torch.testing.assert_close(after.shift - before.shift, torch.tensor([0.5, -2.0], dtype=torch.float64))


def test_biases_of_outputs_are_those_of_the_last_layer() -> None:
    tree = read_tree(path_of("dipole"))
    outputs = tree["model"]["fitting"]["embedding_width"]
    before = model_of(tree, "a file")
    bias = np.arange(2.0 * outputs).reshape(2, outputs)
    tree["model"]["fitting"]["@variables"]["bias_atom_e"] = bias
    after = model_of(tree, "a file")
    for kind in (0, 1):
        change = after.fitting.nets[kind].layers[-1].b - before.fitting.nets[kind].layers[-1].b
        np.testing.assert_allclose(change.detach().numpy()[0], bias[kind])


def test_other_kinds_of_models_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="fitting net of type dipole, which gives no energies and forces"):
        read_potential(path_of("dipole"))
    with pytest.raises(InputError, match="has a fitting net of type dipole; polar is needed here"):
        read_tensor(path_of("dipole"), "polar")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding_width": 3}, r"fitting\.embedding_width is 3"),
        ({"@version": 9}, r"fitting\.@version|has version 9"),
        ({"dim_case_embd": 2}, r"fitting\.dim_case_embd is 2"),
        ({"unheard": 1}, r"fitting\.unheard is a field"),
    ],
)
def test_refused_by_name(change: dict, message: str) -> None:
    tree = read_tree(path_of("polar"))
    tree["model"]["fitting"].update(change)
    with pytest.raises(InputError, match=message):
        model_of(tree, "a file")


def test_a_descriptor_without_vectors_is_refused() -> None:
    tree = read_tree(path_of("dipole"))
    radial = read_tree(Path(__file__).parent / "peer/radial/model.dp")
    tree["model"]["descriptor"] = radial["model"]["descriptor"]
    tree["model"]["fitting"]["embedding_width"] = 0
    with pytest.raises(InputError, match="needs a descriptor with vectors"):
        model_of(tree, "a file")
