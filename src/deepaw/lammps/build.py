"""The plugin with pair style `deepaw`, compiled for one LAMMPS the first time that it is needed.

Plugins are kept in `deepaw/lammps` in the user's cache folder, in a folder of their own for everything that they are
compiled from. Processes that need the same one at a time wait for the first of them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepaw.errors import InputError
from deepaw.lammps.program import Lammps
from deepaw.native.files import include_folder, library_file, plugin_folder

PLUGIN = "deepawplugin.so"
"""Name of the plugin; LAMMPS loads files whose names end so."""

COMPILERS = ("c++", "g++", "clang++")

HEADERS = (
    *("atom.h", "comm.h", "error.h", "force.h", "lammps.h", "lmptype.h", "memory.h", "neigh_list.h", "neighbor.h"),
    *("pair.h", "pointers.h", "update.h", "utils.h", "version.h"),
)
"""Headers of LAMMPS that the plugin depends on: it is compiled anew where one of them changes."""


def build_plugin(lammps: Lammps) -> Path:
    """Return the folder with the plugin for a LAMMPS, compiled if necessary.

    Raises InputError: no compiled library of deepaw, no C++ compiler, an error of the compiler, or a cache folder that
    cannot be written.
    """
    library, sources = library_file(), plugin_folder()
    folder = _cache() / f"{(lammps.version or 'lammps').replace(' ', '')}-{_fingerprint(lammps, sources, library)}"
    if not (folder / PLUGIN).is_file():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.with_suffix(".lock")):
                if not (folder / PLUGIN).is_file():
                    _compile(lammps, sources, library, folder)
        except OSError as error:
            raise InputError(
                f"The plugin for LAMMPS cannot be written to {folder} ({error.strerror}); XDG_CACHE_HOME names another "
                "folder for caches."
            ) from None
    return folder


def _compile(lammps: Lammps, sources: Path, library: Path, folder: Path) -> None:
    compiler = _compiler(lammps)
    print(f"deepaw: compiling pair style deepaw for {lammps.executable} (once)", file=sys.stderr, flush=True)
    log = folder.with_suffix(".log")
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        command = [*compiler, *_options(lammps, sources, library), "-o", str(Path(temporary) / PLUGIN)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        log.write_text(f"{shlex.join(command)}\n{done.stdout}")
        if done.returncode != 0:
            raise InputError(f"The plugin does not compile for {lammps.executable} with {lammps.headers}; see {log}.")
        folder.mkdir(exist_ok=True)
        (Path(temporary) / PLUGIN).rename(folder / PLUGIN)


def _options(lammps: Lammps, sources: Path, library: Path) -> list[str]:
    include = [lammps.headers, include_folder(), *([lammps.mpi_headers] if lammps.mpi_headers else [])]
    return [
        *("-O2", "-fPIC", "-shared", "-std=c++17", "-fvisibility=hidden", f"-DLAMMPS_{lammps.sizes.upper()}"),
        f"-fmacro-prefix-map={sources}/=",  # messages of LAMMPS name the source file
        *([f'-DDEEPAW_LAMMPS_VERSION="{lammps.version}"'] if lammps.version else []),
        *(f"-I{folder}" for folder in include),
        *map(str, sorted(sources.glob("*.cpp"))),
        str(library),
        f"-Wl,-rpath,{library.parent}",
    ]


def _compiler(lammps: Lammps) -> list[str]:
    """Return the command of the C++ compiler: $CXX, that of MPI for a LAMMPS of one's own, or the system's."""
    command = shlex.split(os.environ.get("CXX", ""))
    if command:
        if shutil.which(command[0]) is None:
            raise InputError(f"There is no C++ compiler '{os.environ['CXX']}' of the variable CXX.")
        return command
    names = COMPILERS if lammps.mpi_headers else ("mpicxx", "mpic++", *COMPILERS)
    for name in names:
        if shutil.which(name):
            return [name]
    raise InputError(
        f"There is no C++ compiler to build the plugin for LAMMPS with ({', '.join(names)}); install one, such as g++, "
        "or name it in CXX."
    )


def _fingerprint(lammps: Lammps, sources: Path, library: Path) -> str:
    """Return a hash of all that the plugin is compiled from."""
    digest = hashlib.sha256(repr(_options(lammps, sources, library)).encode())
    headers = (lammps.headers / name for name in HEADERS)
    for path in (*sorted(sources.iterdir()), include_folder() / "deepaw.h", *headers):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (folder if folder.is_absolute() else Path.home() / ".cache") / "deepaw" / "lammps"
    except RuntimeError:
        raise InputError("There is no home folder to keep the plugin for LAMMPS in; set XDG_CACHE_HOME.") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that one process has at a time, where the file system has locks."""
    with path.open("w") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
