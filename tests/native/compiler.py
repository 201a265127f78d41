"""Compilation of C programs against the installed libraries."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def compile_program(source: Path, headers: Path, folder: Path, library: str, flags: Sequence[str] = ()) -> Path:
    """Compile a C program with a library and return the program; tests are skipped without a compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler")
    program = source.with_suffix("")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    link = [f"-L{folder}", f"-l{library}", f"-Wl,-rpath,{folder}"]
    command = [compiler, *flags, *warnings, f"-I{headers}", str(source), "-o", str(program), *link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program
