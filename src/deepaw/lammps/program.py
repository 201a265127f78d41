"""Description of a LAMMPS: its executable, and what a plugin for it is compiled with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lammps:
    """A LAMMPS to run.

    executable: `lmp`. headers: folder with pair.h. version: release such as "22 Jul 2025", or None if unknown. sizes:
    smallbig or bigbig. mpi_headers: folder with mpi.h, or None where compilers find it. libraries: folders to
    look for shared libraries in. mpirun: what starts several processes, if it is certain.
    """

    executable: Path
    headers: Path
    version: str | None = None
    sizes: str = "smallbig"
    mpi_headers: Path | None = None
    libraries: tuple[Path, ...] = ()
    mpirun: Path | None = None
