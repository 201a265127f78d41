"""Environment variables that LAMMPS needs to find its MPI library and the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from deepaw.errors import InputError
from deepaw.lammps.program import Lammps

LIBRARIES, PLUGINS = "LD_LIBRARY_PATH", "LAMMPS_PLUGIN_PATH"


def lammps_environment(lammps: Lammps, plugin: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set: folders of libraries and of plugins, before those that are set already.

    Raises InputError: started by the mpirun of another MPI library than that of LAMMPS.
    """
    if lammps.mpirun is not None and "OMPI_COMM_WORLD_SIZE" in environment:
        raise InputError(
            f"This mpirun is Open MPI's, and {lammps.executable} works with MPICH: start it with "
            f"{lammps.mpirun}, or each process would run the whole simulation."
        )
    variables = {LIBRARIES: lammps.libraries, PLUGINS: (plugin,)}
    return {name: _before(folders, environment.get(name, "")) for name, folders in variables.items() if folders}


def _before(folders: Iterable[Path], present: str) -> str:
    """Return a search path that begins with `folders`."""
    names = [str(folder) for folder in folders]
    names += [name for name in present.split(os.pathsep) if name and name not in names]
    return os.pathsep.join(names)
