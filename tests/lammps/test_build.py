"""The plugin: compiled once for everything that it is compiled from, and for one release of LAMMPS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepaw.cli import app
from deepaw.lammps import build
from deepaw.lammps.build import PLUGIN, build_plugin
from deepaw.lammps.ownbuild import find_own
from deepaw.lammps.program import Lammps
from deepaw.native import files
from lammpsruns import program, refusal, script


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "COMPILERS", ("no-such-compiler",))
    monkeypatch.delenv("CXX", raising=False)
    assert "There is no C++ compiler" in refusal(monkeypatch, capsys)
    monkeypatch.setenv("CXX", "no-such-compiler -O3")
    assert "'no-such-compiler -O3' of the variable CXX" in refusal(monkeypatch, capsys)


def test_a_compiler_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "c++ --no-such-option")
    monkeypatch.setattr(sys, "argv", ["deepaw", "lammps"])
    with pytest.raises(SystemExit, match="2"):
        app.main()
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: The plugin does not compile") and error.endswith(".")
    (log,) = tmp_path.rglob("*.log")
    assert str(log) in error and "no-such-option" in log.read_text()
    assert not list(tmp_path.rglob(PLUGIN))


def test_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deepaw").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "cannot be written to" in refusal(monkeypatch, capsys)


def test_no_compiled_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    assert "is not there, because there was no C++ compiler" in refusal(monkeypatch, capsys)


@pytest.mark.slow
def test_the_plugin_is_built_once_by_processes_at_a_time(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "deepaw", "lammps", "--show"]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len({out for out, _ in outputs}) == 1
    assert sum("compiling" in err for _, err in outputs) == 1
    assert len(list(tmp_path.rglob(PLUGIN))) == 1
    assert {path.suffix for path in (tmp_path / "deepaw" / "lammps").iterdir()} == {"", ".log", ".lock"}


@pytest.mark.slow
def test_other_headers_need_another_plugin(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's name depends on what is compiled."""

    def compiled(lammps: Lammps, sources: Path, library: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / PLUGIN).touch()

    monkeypatch.setattr(build, "_compile", compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = build_plugin(find_own(own))
    assert build_plugin(find_own(own)) == before
    with (own / "include" / "lammps" / "pair.h").open("a") as header:
        header.write("// changed\n")
    assert build_plugin(find_own(own)) != before


@pytest.mark.slow
def test_a_plugin_of_another_lammps(folder: Path, tmp_path: Path) -> None:
    """Its classes might have another layout: LAMMPS ends with one sentence when it loads the plugin."""
    lammps, variables = program()
    options = build._options(lammps, files.plugin_folder(), files.library_file())
    options = [option.replace(str(lammps.version), "2 Aug 2023") for option in options]
    (tmp_path / "other").mkdir()
    subprocess.run(["c++", *options, "-o", str(tmp_path / "other" / PLUGIN)], check=True)
    (folder / "in.water").write_text(script())
    done = subprocess.run(
        [str(lammps.executable), "-in", "in.water"],
        cwd=folder,
        env=variables | {"LAMMPS_PLUGIN_PATH": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert 0 < done.returncode < 128, text
    assert "The plugin of deepaw was built for LAMMPS 2 Aug 2023, and this is another release (20250722)" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed")
def test_cmake_builds_the_plugin(folder: Path, tmp_path: Path) -> None:
    lammps, variables = program()
    assert lammps.mpi_headers is not None
    assert lammps.mpirun is not None
    wrapper = next(lammps.mpirun.parent.glob("mpicxx"), None)
    configure = [
        *("cmake", "-S", str(files.plugin_folder()), "-B", str(tmp_path / "build")),
        f"-DLAMMPS_SOURCE_DIR={lammps.headers}",
        *([f"-DMPI_CXX_COMPILER={wrapper}"] if wrapper else []),
    ]
    for command in (configure, ["cmake", "--build", str(tmp_path / "build")]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    (folder / "in.water").write_text(script())
    done = subprocess.run(
        [str(lammps.executable), "-in", "in.water"],
        cwd=folder,
        env=variables | {"LAMMPS_PLUGIN_PATH": str(tmp_path / "build")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
