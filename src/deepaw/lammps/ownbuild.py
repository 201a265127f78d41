"""A LAMMPS that the user has built: an installation, a CMake build folder, or the folder `src`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepaw.errors import InputError
from deepaw.lammps.program import Lammps

EXECUTABLES = ("lmp", "bin/lmp", "build/lmp", "lmp_mpi", "lmp_serial", "src/lmp_mpi", "src/lmp_serial")
"""Where executables are looked for in a folder."""

CACHE = "CMakeCache.txt"


def find_own(path: Path) -> Lammps:
    """Return the LAMMPS that is, or is in, `path`: an executable, or the folder of a build or of an installation.

    Raises InputError: no executable, or no headers for it.
    """
    executable = _find_executable(path.expanduser().absolute())
    folder = executable.parent
    candidates = list(_header_folders(folder))
    headers = next((headers for headers in candidates if (headers / "pair.h").is_file()), None)
    if headers is None:
        places = ", ".join(str(candidate) for candidate in candidates)
        raise InputError(
            f"{executable} has no headers beside it (pair.h, looked for in {places}); --lammps needs lmp in its build "
            "folder or its installation, and CMake builds the plugin for any other (docs/lammps.md)."
        )
    settings = _cmake_settings(folder)
    without_mpi = settings.get("BUILD_MPI", "").upper() in ("OFF", "NO", "FALSE", "0")
    without_mpi |= executable.name == "lmp_serial"
    return Lammps(
        executable,
        headers,
        version=_version(headers),
        sizes=settings.get("LAMMPS_SIZES", "smallbig").lower(),
        mpi_headers=headers / "STUBS" if without_mpi else None,
        libraries=tuple(library.parent for library in _libraries(folder)),
    )


def _find_executable(path: Path) -> Path:
    if path.is_dir():
        for name in EXECUTABLES:
            if os.access(path / name, os.X_OK) and (path / name).is_file():
                return (path / name).resolve()
        raise InputError(f"The folder {path} of --lammps has none of {', '.join(EXECUTABLES)}.")
    if not path.is_file():
        raise InputError(f"There is no LAMMPS {path}; --lammps names lmp or the folder that it is in.")
    if not os.access(path, os.X_OK):
        raise InputError(f"{path} of --lammps is not executable.")
    return path.resolve()


def _header_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders where the headers for an executable in `folder` may be."""
    source = _cmake_settings(folder).get("CMAKE_HOME_DIRECTORY")
    if source is not None:
        yield Path(source).parent / "src"
    yield folder.parent / "include" / "lammps"
    yield folder.parent / "src"
    yield folder


def _cmake_settings(folder: Path) -> dict[str, str]:
    """Return the settings of a CMake build folder; none if it is not one."""
    try:
        text = (folder / CACHE).read_text()
    except OSError:
        return {}
    return dict(re.findall(r"^(\w+):\w+=(.*)$", text, re.M))


def _version(headers: Path) -> str | None:
    try:
        text = (headers / "version.h").read_text()
    except OSError:
        return None
    match = re.search(r'LAMMPS_VERSION\s+"([^"]+)"', text)
    return None if match is None else match[1]


def _libraries(folder: Path) -> Iterator[Path]:
    for place in (folder, folder.parent / "lib", folder.parent / "lib64"):
        yield from sorted(place.glob("liblammps*.so"))[:1]
