"""What DeePMD-kit's documentation shows for a member of the family is trained as it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from deepaw.infer import DeepEval
from deepaw.potential.input import read_potential_input
from deepaw.potential.shortrange.zbl import zbl_table
from deepaw.potential.training.trainer import Trainer
from potential.documented import INPUTS, STEPS
from potential.longrange.models import dipole_model
from potential.systems import water, write_system
from potential.trainings import CPU

PAGE = Path(__file__).parents[3] / "docs" / "deepmd-kit.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all data that the inputs name, at their places."""
    folder = tmp_path_factory.mktemp("examples")
    for number in range(4):
        write_system(folder / "data" / f"data_{number}", water(2, 3, seed=number))
    here = folder / "example"
    write_tensors(here / "data", "atomic", ("energy", "force", "virial"))
    for part in ("training_data", "validation_data"):
        for kind in ("atomic", "global"):
            write_tensors(here / part / f"{kind}_system", kind)
    write_masked(here / "data_dp_mask")
    zbl_table(["O", "H"], 6.0, 0.01).write(here / "H2O_tab_potential.txt", "O-O O-H H-H")
    dipole_model().save(here / "dw.safetensors")
    return here


def write_tensors(folder: Path, kind: str, labels: tuple[str, ...] = ()) -> None:
    """Write water with the tensors of frames ("global") or of O atoms ("atomic")."""
    frames = water(2, 4)
    write_system(folder, frames, labels=labels)
    oxygen = frames.types == 0
    arms = (frames.coord[:, ~oxygen].reshape(2, -1, 2, 3) - frames.coord[:, oxygen][:, :, None]).sum(axis=2)
    dipoles = np.zeros_like(frames.coord)
    dipoles[:, oxygen] = arms
    polarizabilities = dipoles[..., :, None] * dipoles[..., None, :]
    for name, rows in (("dipole", dipoles), ("polarizability", polarizabilities)):
        atomic = kind == "atomic"
        values = rows.reshape(2, -1) if atomic else rows.sum(axis=1).reshape(2, -1)
        np.save(folder / "set.000" / f"{'atomic_' * atomic}{name}.npy", values)


def write_masked(folder: Path) -> None:
    """Write two clusters of different sizes, filled up with virtual atoms to 8 atoms, with the weights of forces."""
    random = np.random.default_rng(0)
    frames = water(2, 2, periodic=False)
    names = ("C", "O", "N", "H", "S", "ZN")
    write_system(folder, frames, type_map=("O", "H"), labels=("energy", "force"))
    (folder / "type.raw").write_text("\n".join([*map(str, np.where(frames.types == 0, 1, 3)), "5", "0"]) + "\n")
    (folder / "type_map.raw").write_text("\n".join(names) + "\n")
    mask = np.array([[1] * 6 + [1, 0], [1] * 6 + [0, 1]], dtype=np.float64)
    coord = np.concatenate([frames.coord, random.uniform(8, 9, (2, 2, 3))], axis=1)
    force = np.concatenate([frames.labels["force"], np.zeros((2, 2, 3))], axis=1)
    for name, array in (("coord", coord), ("force", force), ("aparam", mask), ("atom_pref", mask)):
        np.save(folder / "set.000" / f"{name}.npy", array.reshape(2, -1))


@pytest.mark.parametrize("page", INPUTS)
@pytest.mark.filterwarnings("ignore:.*(has no effect|energies jump|there is no (atomic_)?(dipole|polarizability))")
def test_it_is_trained(page: str, example: Path, tmp_path: Path) -> None:
    content = INPUTS[page]
    path = example / "input.json"
    path.write_text(json.dumps(content))
    Trainer(read_potential_input(path), example, tmp_path, CPU, say=lambda text: None).run()
    curve = np.loadtxt(tmp_path / "lcurve.out", ndmin=2)
    assert np.isfinite(curve[:, :3]).all() and curve[-1, 0] in (1, STEPS)
    model = DeepEval(tmp_path / "frozen_model.safetensors")
    assert model.get_type_map() == content["model"]["type_map"]


def test_the_documentation_lists_them_all() -> None:
    rows = re.findall(r"^\| `doc/model/([\w-]+)\.md`(?:, `([^`]+)`)? \|", PAGE.read_text(), re.M)
    assert {", ".join(filter(None, row)) for row in rows} == INPUTS.keys() - {"loc_frame"}
    assert "loc_frame" in PAGE.read_text()
