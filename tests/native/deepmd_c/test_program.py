"""A C program that was written for DeePMD-kit's C interface: linked with the library, and started with LD_PRELOAD."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepaw.infer import DeepPot
from deepaw.native.files import include_folder, library_file
from deepaw.potential.files.formats import read_model, write_potential
from native.compiler import compile_program
from native.deepmd_c import models
from native.deepmd_c.interface import load
from potential.structures import Structure, crowd


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load()
    folder = tmp_path_factory.mktemp("program")
    source = Path(shutil.copy(Path(__file__).with_name("program.c"), folder))
    return compile_program(source, include_folder(), library_file().parent, "deepmd_c", ["-std=c99"])


def write_structure(path: Path, structure: Structure) -> Path:
    rows = [
        f"{kind} {x!r} {y!r} {z!r}" for kind, (x, y, z) in zip(structure.types, structure.coord.tolist(), strict=True)
    ]
    cell = " ".join(map(repr, structure.cells.ravel().tolist()))
    path.write_text("\n".join([str(len(rows)), *rows, cell]) + "\n")
    return path


def run(program: Path, model: Path, structure: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEEPAW_PYTHON": sys.executable, **environment}
    command = [program, model, structure]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def deviation(output: str, path: Path, structure: Structure) -> float:
    """Return the largest deviation of printed numbers from those of Python, relative to the largest."""
    results = DeepPot(path).eval(structure.coord[None], structure.cells[None], structure.types)
    expected = np.concatenate([array.ravel() for array in results])
    return float(np.abs(np.array(output.split(), float) - expected).max() / np.abs(expected).max())


@pytest.mark.slow
def test_numbers(program: Path, tmp_path: Path) -> None:
    structure = crowd(2, 9)
    done = run(program, models.energies(), write_structure(tmp_path / "atoms", structure))
    assert done.returncode == 0 and done.stderr == ""
    assert deviation(done.stdout, models.energies(), structure) < 1e-10


@pytest.mark.slow
def test_precision_by_the_environment(program: Path, tmp_path: Path) -> None:
    structure = crowd(2, 9)
    atoms = write_structure(tmp_path / "atoms", structure)
    done = run(program, models.energies(), atoms, DEEPAW_PRECISION="float32")
    assert 1e-10 < deviation(done.stdout, models.energies(), structure) < 1e-4
    done = run(program, models.energies(), atoms, DEEPAW_PRECISION="half")
    assert done.returncode == 1
    assert done.stderr == "the environment variable DEEPAW_PRECISION is 'half'; it has to be float64 or float32.\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is of Linux")
def test_preloaded_in_place_of_another_library(program: Path, tmp_path: Path) -> None:
    """The library takes the place of the one that a program was linked with, also where that one is missing."""
    library = library_file().with_name("libdeepmd_c.so")
    links = [tmp_path / "libdeepmd_c.so", tmp_path / "libdeepaw.so"]
    source = tmp_path / "other.c"
    source.write_text(Path(__file__).with_name("program.c").read_text())
    for link in links:
        link.symlink_to(library.with_name(link.name))
    other = compile_program(source, include_folder(), tmp_path, "deepmd_c", ["-std=c99"])
    for link in links:
        link.unlink()
    structure = crowd(2, 9)
    atoms = write_structure(tmp_path / "atoms", structure)
    assert run(other, models.energies(), atoms).returncode == 127
    done = run(other, models.energies(), atoms, LD_PRELOAD=str(library))
    assert done.returncode == 0
    assert deviation(done.stdout, models.energies(), structure) < 1e-10


@pytest.mark.slow
def test_models_of_deepmd_kit_are_converted_once(program: Path, tmp_path: Path) -> None:
    structure = crowd(2, 9)
    atoms = write_structure(tmp_path / "atoms", structure)
    for name in ("model.dp", "model.yaml"):
        model, cache = tmp_path / name, tmp_path / f"{name}-cache"
        write_potential(model, read_model(models.energies()))
        done = run(program, model, atoms, XDG_CACHE_HOME=str(cache))
        assert done.returncode == 0, done.stderr
        [converted] = (cache / "deepaw" / "models").iterdir()
        assert done.stderr == f"Converting {model}, once, to {converted}\n"
        assert deviation(done.stdout, model, structure) < 1e-10
        again = run(program, model, atoms, XDG_CACHE_HOME=str(cache), DEEPAW_PYTHON="/nowhere")
        assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")
