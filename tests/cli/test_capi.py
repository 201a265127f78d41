"""`deepaw c-api`."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepaw.cli.app import app
from deepaw.errors import InputError
from deepaw.native import files


@pytest.fixture
def lines() -> list[list[str]]:
    try:
        files.library_file()
    except InputError:
        pytest.skip("the compiled library was not built")
    result = CliRunner().invoke(app, ["c-api"])
    assert result.exit_code == 0, result.output
    return [line.split(maxsplit=1) for line in result.output.splitlines()]


def test_files_that_are_named_exist(lines: list[list[str]]) -> None:
    named = [Path(line[1]) for line in lines if line and line[0] in ("library", "header")]
    assert [path.name for path in named] == ["libdeepaw.so", "deepaw.h", "libdeepmd_c.so", "c_api.h"]
    assert all(path.is_file() for path in named)


@pytest.mark.parametrize("number", [0, 1])
def test_the_commands_compile_programs(lines: list[list[str]], number: int, tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    command = shlex.split([line[1] for line in lines if line and line[0] == "compile"][number])
    header, call = (("deepaw.h", "deepaw_version()"), ("deepmd/c_api.h", 'DP_PrintSummary("")'))[number]
    (tmp_path / command[1]).write_text(f"#include <{header}>\nint main(void) {{ {call}; return 0; }}\n")
    subprocess.run(command, check=True, cwd=tmp_path)
    subprocess.run([tmp_path / command[-1]], check=True)


def test_torch_is_not_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "deepaw", "c-api"], capture_output=True, text=True, check=False
    )
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "deepaw.cli.capi" in loaded
    assert not loaded & {"torch", "numpy"}


def test_without_the_compiled_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    with pytest.raises(InputError, match="there was no C"):
        CliRunner().invoke(app, ["c-api"], catch_exceptions=False)
