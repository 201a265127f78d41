"""The example program of deepaw.h is compiled and gives the numbers of `deepaw.infer.DeepPot`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.native.files import include_folder, library_file
from native.compiler import compile_program
from native.deepmd_c import models

EXAMPLE = Path(__file__).parents[2] / "native" / "examples" / "energy.c"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        library = library_file()
    except InputError:
        pytest.skip("the compiled library was not built")
    source = Path(shutil.copy(EXAMPLE, tmp_path_factory.mktemp("example")))
    return compile_program(source, include_folder(), library.parent, "deepaw", ["-std=c99", "-pedantic"])


def test_energy_and_forces(program: Path) -> None:
    done = subprocess.run([program, models.energies()], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    coord = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
    energy, force, _ = DeepPot(models.energies()).eval(coord[None], 9 * np.eye(3)[None], [0, 1, 1])
    assert lines[0][0] == "energy" and float(lines[0][1]) == pytest.approx(float(energy[0, 0]), abs=1e-9)
    assert [line[0] for line in lines[1:]] == ["O", "H", "H"]
    np.testing.assert_allclose(np.array([line[1:4] for line in lines[1:]], float), force[0], atol=1e-9)


def test_errors_are_one_sentence(program: Path, tmp_path: Path) -> None:
    done = subprocess.run([program, tmp_path / "none.safetensors"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "none.safetensors" in done.stderr


def test_it_is_about_thirty_lines() -> None:
    body = EXAMPLE.read_text().split("*/", 1)[1]
    assert len(body.strip().splitlines()) < 40
