"""Wrong input to pair style deepaw: LAMMPS ends with one sentence, and does not crash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.config import ModelConfig
from lammpsruns import SE_A, Box, script, small_model, start, water_box, write_box
from potential.randommodels import random_tensor_model


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """Check that LAMMPS printed the sentence as its error, and ended by itself rather than by a signal."""
    text = done.stdout + done.stderr
    assert 0 < done.returncode < 128, text
    errors = [line for line in text.splitlines() if line.startswith("ERROR")]
    assert errors and all(sentence in line for line in errors), text
    assert "Traceback" not in text and "Segmentation" not in text and "terminate called" not in text


MODEL = "deepaw model.safetensors"
TYPES = "pair_coeff * * O H"

CASES = [
    ("deepaw none.safetensors", TYPES, "none.safetensors"),
    ("deepaw", TYPES, "a model file is needed"),
    ("deepaw out_freq 3", TYPES, "a model file is needed"),
    (f"{MODEL} out_freq", TYPES, "'out_freq' is without a value"),
    (f"{MODEL} out_freq 0", TYPES, "'out_freq' is 0; it should be a number of steps, 1 or more"),
    (f"{MODEL} out_freq 2.5", TYPES, "'out_freq' is 2.5"),
    (f"{MODEL} precision double", TYPES, "'precision' is double; it should be float64 or float32"),
    (f"{MODEL} precision float32 fast", TYPES, "'fast' is none of out_freq"),
    (f"{MODEL} fparam", TYPES, "'fparam' is without numbers"),
    (f"{MODEL} fparam 0.3", TYPES, "'fparam' has 1 numbers, and model.safetensors takes 0"),
    (f"{MODEL} relative -1", TYPES, "'relative' is -1; it should be a number above 0"),
    (f"{MODEL} model.safetensors out_file nowhere/devi.out", TYPES, "nowhere/devi.out cannot be written: No such file"),
    (MODEL, "pair_coeff * * O Cl", "names the type Cl, and model.safetensors has O H"),
    (MODEL, "pair_coeff * * O", "names 1 atom types, and there are 2"),
    (MODEL, "pair_coeff 1 1 O H", "must start with * *"),
    (MODEL, "pair_coeff * * O NULL", "All pair coeffs are not set"),
    (MODEL, "", "All pair coeffs are not set"),
    (MODEL, f"{TYPES}\npair_style {MODEL} precision float32", "All pair coeffs are not set"),
]


@pytest.mark.parametrize(("pair", "coeff", "sentence"), CASES)
def test_wrong_commands(folder: Path, pair: str, coeff: str, sentence: str) -> None:
    refused(start(folder, script(pair, coeff)), sentence)


@pytest.mark.slow
def test_one_sentence_from_several_processes(folder: Path) -> None:
    done = start(folder, script("deepaw none.safetensors"), processes=2)
    refused(done, "none.safetensors")
    assert (done.stdout + done.stderr).count("ERROR") == 1


@pytest.mark.slow
def test_newton_off(folder: Path) -> None:
    refused(start(folder, "newton off\n" + script()), "needs 'newton on'")


@pytest.mark.slow
@pytest.mark.parametrize("units", ["lj", "si"])
def test_other_units(folder: Path, units: str) -> None:
    text = script().replace("units metal", f"units {units}")
    refused(start(folder, text), f"'units metal' and 'units real', not with 'units {units}'")


@pytest.mark.slow
def test_bonded_pairs_that_lammps_leaves_out(folder: Path) -> None:
    write_box(folder / "water.lmp", water_box(8), "full")
    text = script(style="full", before="bond_style zero\nbond_coeff *")
    refused(start(folder, text), "add 'special_bonds lj/coul 1 1 1'")


@pytest.mark.slow
def test_parameters_that_are_missing(folder: Path) -> None:
    write_potential(folder / "needs.safetensors", small_model(numb_fparam=2))
    refused(start(folder, script("deepaw needs.safetensors")), "'fparam' has 0 numbers, and needs.safetensors takes 2")


@pytest.mark.slow
@pytest.mark.parametrize("type_map", [("O", "H", "Na"), ("O",)])
def test_types_by_number_of_another_count(folder: Path, type_map: tuple[str, ...]) -> None:
    descriptor = SE_A | {"sel": [9] * len(type_map)}
    write_potential(folder / "other.safetensors", small_model(descriptor, type_map=type_map))
    refused(start(folder, script("deepaw other.safetensors", "pair_coeff * *")), "needs the names of the 2 atom types")


@pytest.mark.slow
def test_a_model_of_dipoles(folder: Path) -> None:
    keys = {"type_map": ["O", "H"], "descriptor": SE_A, "fitting_net": {"type": "dipole", "neuron": [8]}}
    write_potential(folder / "dipole.safetensors", random_tensor_model(ModelConfig.model_validate(keys)))
    refused(start(folder, script("deepaw dipole.safetensors")), "dipole.safetensors gives dipoles")


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 5, 100, 0.5, -1])
def test_truncated_models(folder: Path, model_file: Path, size: float) -> None:
    data = model_file.read_bytes()
    (folder / "part.safetensors").write_bytes(data[: int(size * len(data)) if 0 < size < 1 else size])
    refused(start(folder, script("deepaw part.safetensors")), "part.safetensors")


def test_a_file_that_is_no_model(folder: Path) -> None:
    refused(start(folder, script("deepaw water.lmp")), "water.lmp")


@pytest.mark.slow
def test_a_model_that_the_library_does_not_evaluate(folder: Path) -> None:
    descriptor = {"type": "loc_frame", "sel_a": [4, 4], "sel_r": [2, 2], "rcut": 4.0}
    rule = {"axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0]}
    write_potential(folder / "frame.safetensors", small_model(descriptor | rule))
    refused(start(folder, script("deepaw frame.safetensors")), "loc_frame")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_positions_that_are_no_numbers(folder: Path, processes: int) -> None:
    """As a time step that is far too long makes them."""
    commands = "neigh_modify delay 1000 every 1000 check no\nvelocity all create 300 3\nfix 1 all nve\ntimestep 1e308"
    done = start(folder, script(after=f"{commands}\nrun 3"), processes)
    refused(done, "atom 1 has a position that is not a finite number")
    assert (done.stdout + done.stderr).count("ERROR") == 1


@pytest.mark.slow
def test_atoms_on_one_spot(folder: Path, box: Box) -> None:
    box.coord[1] = box.coord[0]
    write_box(folder / "water.lmp", box)
    refused(start(folder, script()), "atoms 1 and 2 are on one spot")
