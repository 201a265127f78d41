"""`deepaw c-api`: where the C libraries are, and how other programs use them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from deepaw.errors import InputError
from deepaw.native.files import include_folder, library_file


def c_api() -> None:
    """Print where the C libraries and headers are, and how programs are compiled and started with them."""
    library, headers = library_file(), include_folder()
    interface = library.with_name("libdeepmd_c" + library.suffix)
    if not interface.is_file():
        raise InputError(f"The compiled library {interface} is missing; install deepaw again.")
    preload = "DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD"
    print("DeePAW's C interface: energies, forces, virials and tensors of models")
    _print_rows(
        library=library,
        header=headers / "deepaw.h",
        compile=f"cc energy.c {_flags(headers, library.parent, 'deepaw')} -o energy",
    )
    print("\nDeePMD-kit's C interface, for programs that were written for it")
    _print_rows(
        library=interface,
        header=headers / "deepmd" / "c_api.h",
        compile=f"cc program.c {_flags(headers, library.parent, 'deepmd_c')} -o program",
        start=f"{preload}={shlex.quote(str(interface))} lmp -in in.lammps",
        models="pair_style deepmd model.safetensors, or .dp and .yaml, which are converted once",
    )


def _flags(headers: Path, folder: Path, name: str) -> str:
    include, library, rpath = (shlex.quote(flag) for flag in (f"-I{headers}", f"-L{folder}", f"-Wl,-rpath,{folder}"))
    return f"{include} {library} -l{name} {rpath}"


def _print_rows(**rows: str | Path) -> None:
    for name, value in rows.items():
        print(f"  {name:<8} {value}")
