"""Files of a data set."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from deepaw.density.data.sources import read_examples
from deepaw.errors import InputError
from deepaw.gpaw.data.calculation import Labels
from deepaw.gpaw.data.folder import DataFolder
from deepaw.gpaw.data.settings import DataSettings

SETTINGS = DataSettings()


def labels(name: str, fingerprint: str = "abc") -> Labels:
    atoms = bulk("Si")
    atoms.info = {"name": name, "prototype": "Si", "kpts": np.array([2, 2, 2]), "nelectrons": 8.0}
    stress = np.arange(6.0)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, free_energy=-1.5, forces=np.ones((2, 3)), stress=stress)
    density = np.full((4, 4, 4), 8 / atoms.get_volume(), dtype=np.float32)
    return Labels(atoms, density, [np.eye(3, dtype=np.float32)] * 2, {"Si": {"fingerprint": np.array(fingerprint)}})


def test_what_is_written_can_be_trained_on(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data", SETTINGS)
    folder.add(labels("Si_1"))
    folder.add(labels("Si_2"))
    examples = read_examples(tmp_path / "data")
    assert [example.name for example in examples] == ["Si_1", "Si_2"]
    assert examples[0].kind == "Si" and examples[0].density().shape == (4, 4, 4)
    frame = ase.io.read(tmp_path / "data" / "structures.extxyz", 0)
    assert frame.get_potential_energy() == -1.0 and frame.calc.results["free_energy"] == -1.5
    np.testing.assert_allclose(frame.get_stress(), np.arange(6.0))
    with np.load(tmp_path / "data" / "augmentation" / "Si_1.npz") as arrays:
        assert sorted(arrays) == ["D0", "D1", "energy"] and arrays["energy"] == -1.0


def test_an_earlier_folder_is_gone_on_with(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data", SETTINGS).add(labels("Si_1"))
    before = (tmp_path / "data" / "structures.extxyz").read_text()
    again = DataFolder(tmp_path / "data", SETTINGS)
    assert len(again) == 1 and again.has("Si_1", bulk("Si")) and not again.has("Si_2", bulk("Si"))
    with pytest.raises(InputError, match="has another structure called Si_1"):
        again.has("Si_1", bulk("Si", a=5.0))
    with pytest.raises(InputError, match="has another structure called Si_1"):
        again.has("Si_1", Atoms("H", cell=[1, 1, 1]))
    again.add(labels("Si_2"))
    assert (tmp_path / "data" / "structures.extxyz").read_text().startswith(before)


def test_failures_of_the_latest_run(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data", SETTINGS)
    folder.write_failures({"Si_1": "it is bad"})
    assert (tmp_path / "data" / "failures.txt").read_text() == "Si_1: it is bad\n"
    folder.write_failures({})
    assert not (tmp_path / "data" / "failures.txt").exists()


def test_folders_that_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    DataFolder(foreign, SETTINGS)  # empty, and so as good as new
    (foreign / "settings.json").unlink()
    with pytest.raises(InputError, match=r"has files but no settings.json"):
        DataFolder(foreign, SETTINGS)
    data = tmp_path / "data"
    DataFolder(data, SETTINGS).add(labels("Si_1"))
    with pytest.raises(InputError, match=r"has cutoff = 600.0, and --cutoff is 400"):
        DataFolder(data, DataSettings(cutoff=400.0))
    with pytest.raises(InputError, match="is the setup abc of Si, and GPAW now uses def"):
        DataFolder(data, SETTINGS).add(labels("Si_2", "def"))
    (data / "augmentation" / "Si_1.npz").unlink()
    with pytest.raises(InputError, match=r"has a frame Si_1 but there is no .*augmentation/Si_1.npz"):
        DataFolder(data, SETTINGS)
    text = (data / "structures.extxyz").read_text()
    (data / "structures.extxyz").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="is not an extxyz file of named frames, or is cut short"):
        DataFolder(data, SETTINGS)
    (data / "settings.json").write_text(json.dumps({"xc": "PBE"}))
    with pytest.raises(InputError, match="is not what deepaw data gpaw wrote there"):
        DataFolder(data, SETTINGS)


@pytest.mark.parametrize("key", ["cutoff", "kspacing", "smearing"])
def test_settings_that_are_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"--{key} is -1"):
        DataSettings(**{key: -1.0})
