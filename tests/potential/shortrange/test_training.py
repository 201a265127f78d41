"""Training of potentials with a short-range table, from the input file to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.files.formats import read_potential
from deepaw.potential.shortrange.table import PairTable
from deepaw.potential.shortrange.zbl import zbl_energy, zbl_table
from potential.trainings import assert_same, settings, train, write_data

SHORT: dict[str, Any] = {"use_srtab": "tables/zbl.txt", "sw_rmin": 0.6, "sw_rmax": 1.1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_data(tmp_path)
    (tmp_path / "tables").mkdir()
    zbl_table(["O", "H"], 4.0, 0.01).write(tmp_path / "tables" / "zbl.txt")
    return tmp_path


def test_the_trained_model_has_its_table(folder: Path) -> None:
    """The path of the table is relative to the input file; the trained model does not need the file."""
    train(settings(folder, model=SHORT), folder, folder / "out")
    (folder / "tables" / "zbl.txt").unlink()
    for name in ("frozen_model.safetensors", "model.ckpt.pt"):
        model = read_potential(folder / "out" / name)
        assert model.config.sw_rmax == 1.1 and model.interpolation is not None
        coord = np.array([[0, 0, 0], [0, 0, 0.5]])
        energy = DeepPot(model).eval(coord, None, [0, 1])[0][0, 0]
        assert energy - float(model.bias.sum()) == pytest.approx(zbl_energy(8, 1, np.array([0.5]))[0], rel=1e-6)


def test_the_table_takes_part_in_the_training(folder: Path) -> None:
    """O and H of one molecule are within the range of the table; training without it gives other weights."""
    with_table = train(settings(folder, model=SHORT), folder, folder / "with")
    without = train(settings(folder), folder, folder / "without")
    weights = [model.fitting.nets[0].layers[0].w for model in (with_table, without)]
    assert not torch.allclose(*weights, rtol=1e-3)


def test_a_restart_gives_identical_results(folder: Path) -> None:
    rate = {"decay_rate": 0.9, "stop_lr": None}
    given = settings(folder, model=SHORT, learning_rate=rate)
    train(given, folder, folder / "whole")
    train(settings(folder, model=SHORT, learning_rate=rate, training={"numb_steps": 4}), folder, folder / "parts")
    train(given, folder, folder / "parts", restart=folder / "parts" / "model.ckpt")
    assert_same(folder / "whole", folder / "parts")


def test_a_start_with_another_table_is_refused(folder: Path) -> None:
    train(settings(folder, model=SHORT), folder, folder / "out")
    PairTable(0.9 * zbl_table(["O", "H"], 4.0, 0.01).rows + [0.001, 0, 0, 0]).write(folder / "tables" / "zbl.txt")
    with pytest.raises(InputError, match=r"tables/zbl\.txt is not the table that .*frozen_model\.safetensors has"):
        init = folder / "out" / "frozen_model.safetensors"
        train(settings(folder, model=SHORT), folder, folder / "other", init_model=init)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"use_srtab": "zbl.txt"}, "use_srtab needs sw_rmin and sw_rmax"),
        ({"sw_rmin": 0.5}, "sw_rmin is given without use_srtab"),
        (
            {"use_srtab": "zbl.txt", "sw_rmin": 1.0, "sw_rmax": 1.0},
            "sw_rmin is 1 and sw_rmax 1; sw_rmin should be less",
        ),
        (SHORT | {"smin_alpha": 0}, "smin_alpha is 0"),
        (
            SHORT | {"fitting_net": {"type": "dipole", "neuron": [4]}},
            "use_srtab is given for a fitting net of type dipole",
        ),
    ],
)
def test_invalid_sections(folder: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(folder, model=section)


def test_a_missing_table(folder: Path) -> None:
    given = settings(folder, model=SHORT | {"use_srtab": "zbl.txt"})
    with pytest.raises(InputError, match=r"zbl\.txt does not exist; model\.use_srtab names a table"):
        train(given, folder, folder / "out")
