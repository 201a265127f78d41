"""Agreement with DeePMD-kit for small models with every supported descriptor and fitting net."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.potential.files.container import read_tree
from deepaw.potential.files.deepmd import model_of, read_deepmd, tree_of
from deepaw.potential.files.formats import read_potential, write_potential
from potential.files.peer_models import CASES, SINGLE, deviations, path_of, places


@pytest.mark.parametrize("case", CASES)
def test_exact_evaluation_agrees_with_deepmd_kit(case: str) -> None:
    limit = 3e-6 if case in SINGLE else 1e-12
    for name, deviation in deviations(case, read_deepmd(path_of(case))).items():
        assert deviation < limit, name


@pytest.mark.parametrize("case", ["dropped", "dropped_overall", "dropped_radial", "hybrid_dropped"])
def test_energies_depend_on_the_rule_for_too_many_neighbours(case: str) -> None:
    tree = read_tree(path_of(case))
    tree["fixed_slots"] = False
    path = path_of(case)
    assert deviations(case, model_of(tree, str(path)))["energy"] > 1e-6


def test_reference_structures() -> None:
    assert {"pbc", "tric", "nopbc", "tiny"} == set(places("one_side"))
    tiny = places("one_side")["tiny"]
    assert tiny.cell is not None and np.linalg.norm(tiny.cell, axis=1).max() < 3.0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".dp", ".yaml"])
def test_round_trip(case: str, suffix: str, tmp_path: Path) -> None:
    first = read_deepmd(path_of(case))
    first.save(tmp_path / "native.safetensors")
    native = read_potential(tmp_path / "native.safetensors")
    write_potential(tmp_path / f"back{suffix}", native)
    back = read_potential(tmp_path / f"back{suffix}")
    assert native.config == first.config and native.fixed_slots and back.fixed_slots
    assert native.provenance == first.provenance
    for name, value in first.state_dict().items():
        assert torch.equal(native.state_dict()[name], value), name
        assert torch.equal(back.state_dict()[name], value), name


@pytest.mark.parametrize("case", ["pairs_resnet_dt", "hybrid", "parameters", "atom_ener", "three_types"])
def test_written_objects_have_all_fields_of_the_original(case: str) -> None:
    original = read_tree(path_of(case))
    written = tree_of(read_deepmd(path_of(case)))
    original["model"]["fitting"]["atom_ener"] = original["model"]["fitting"]["atom_ener"] or []
    _same(original["model"], written["model"], "model")
    assert written["model_def_script"] == original["model_def_script"]


def _same(original: object, written: object, place: str) -> None:
    if isinstance(original, dict):
        assert isinstance(written, dict)
        for key, value in original.items():
            if key not in ("trainable", "seed", "out_std", "protection"):
                assert key in written, f"{place}.{key}"
                _same(value, written[key], f"{place}.{key}")
    elif isinstance(original, list):
        assert isinstance(written, list) and len(original) == len(written), place
        for index, (one, other) in enumerate(zip(original, written, strict=True)):
            _same(one, other, f"{place}[{index}]")
    elif isinstance(original, np.ndarray):
        assert isinstance(written, np.ndarray) and written.dtype == original.dtype, place
        np.testing.assert_array_equal(original, written, place)
    else:
        assert original == written, place
