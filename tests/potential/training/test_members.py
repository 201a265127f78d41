"""Small trainings of descriptors that need special data or keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.data.system import read_system
from deepaw.potential.files.formats import read_potential
from potential.systems import ELEMENTS, labelled, water, write_system
from potential.trainings import FITTING, curve, settings, train, write_data

FRAME: dict[str, Any] = {
    "type": "loc_frame",
    "sel_a": [2, 4],
    "sel_r": [4, 8],
    "rcut": 4.0,
    "axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
}
MASK: dict[str, Any] = {"type": "se_a_mask", "sel": [3, 6], "neuron": [4, 8], "axis_neuron": 3}
CLUSTERS: dict[str, Any] = {
    "descriptor": MASK,
    "fitting_net": {**FITTING, "numb_aparam": 1, "use_aparam_as_mask": True},
}


def write_clusters(folder: Path, counts: list[int], periodic: bool = False) -> Path:
    """Write frames of one to three molecules, padded with virtual atoms to three."""
    coord, energy, force, mask = [], [], [], []
    for seed, count in enumerate(counts):
        frame = water(1, molecules=count, seed=seed, periodic=False)
        places = np.append(np.arange(count), 3 + np.arange(2 * count))
        coord.append(np.full((9, 3), 0.1))
        force.append(np.zeros((9, 3)))
        mask.append(np.zeros(9))
        coord[-1][places], force[-1][places], mask[-1][places] = frame.coord[0], frame.labels["force"][0], 1.0
        energy.append(frame.labels["energy"][0])
    cells = np.tile(9 * np.eye(3), (len(counts), 1, 1)) if periodic else None
    frames = labelled(np.repeat([0, 1], [3, 6]), np.array(coord) + np.arange(27).reshape(9, 3), cells)
    path = write_system(folder, frames, labels=("virial",))
    np.save(path / "set.000" / "coord.npy", np.array(coord).reshape(-1, 27))
    for name, values in (("energy", energy), ("force", force), ("aparam", mask)):
        np.save(path / "set.000" / f"{name}.npy", np.array(values).reshape(len(counts), -1))
    return path


@pytest.mark.slow
def test_local_frames_learn(tmp_path: Path) -> None:
    write_data(tmp_path)
    training_input = settings(
        tmp_path, model={"descriptor": FRAME}, training={"numb_steps": 40, "disp_freq": 40}, loss={"start_pref_v": 0.1}
    )
    train(training_input, tmp_path, tmp_path / "out")
    first, last = curve(tmp_path / "out")[0], curve(tmp_path / "out")[-1]
    assert last[2] < 0.5 * first[2]
    potential = DeepPot(tmp_path / "out" / "frozen_model.safetensors")
    system = read_system(tmp_path / "train" / "box", ELEMENTS)
    force = potential.eval(system.coord, system.cell, system.types[0])[1]
    step, change = 1e-5, np.zeros_like(system.coord)
    change[:, 1, 2] = step
    up, down = (potential.eval(system.coord + s * change, system.cell, system.types[0])[0] for s in (1, -1))
    np.testing.assert_allclose(force[:, 1, 2], -(up - down)[:, 0] / (2 * step), atol=1e-6 * np.abs(force).max())


@pytest.mark.slow
def test_clusters_of_different_sizes_learn(tmp_path: Path) -> None:
    write_clusters(tmp_path / "train", [1, 2, 3, 2])
    write_clusters(tmp_path / "valid", [3, 1])
    training_input = settings(tmp_path, model=CLUSTERS, training={"numb_steps": 60, "disp_freq": 60})
    train(training_input, tmp_path, tmp_path / "out")
    first, last = curve(tmp_path / "out")[0], curve(tmp_path / "out")[-1]
    assert last[2] < 0.5 * first[2]
    # what the learning curve says of validation is what the frozen model says
    system = read_system(tmp_path / "valid", ELEMENTS)
    potential = DeepPot(tmp_path / "out" / "frozen_model.safetensors")
    labels = system.labels
    energy, force, _ = potential.eval(system.coord, None, system.types[0], aparam=labels["aparam"])
    rmse_e = np.sqrt(np.mean(((energy[:, 0] - labels["energy"]) / 9) ** 2))
    rmse_f = np.sqrt(np.mean((force - labels["force"]) ** 2))
    np.testing.assert_allclose([last[3], last[5]], [rmse_e, rmse_f], rtol=1e-2)
    assert read_potential(tmp_path / "out" / "frozen_model.safetensors").closest == pytest.approx(0.9, abs=0.2)


def test_cells_of_clusters_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    for place in ("train", "valid"):
        write_clusters(tmp_path / place, [1, 3], periodic=True)
    training_input = settings(tmp_path, model=CLUSTERS, training={"numb_steps": 1})
    with pytest.warns(UserWarning, match=r"the cells of .*train and 1 other systems are passed over"):
        train(training_input, tmp_path, tmp_path / "out")


def test_masks_that_are_wrong(tmp_path: Path) -> None:
    for place in ("train", "valid"):
        path = write_clusters(tmp_path / place, [1, 3])
    mask = np.load(path / "set.000" / "aparam.npy")
    mask[1, 4] = 2.0
    np.save(path / "set.000" / "aparam.npy", mask)
    training_input = settings(tmp_path, model=CLUSTERS, training={"numb_steps": 1})
    with pytest.raises(InputError, match=r"valid/set.000/aparam.npy, frame 2: aparam is 2 for atom 5; it should be"):
        train(training_input, tmp_path, tmp_path / "out")
