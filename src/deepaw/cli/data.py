"""`deepaw data`: what data sets hold, outputs of other programs as data to train potentials on, data by GPAW."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.gpawdata import gpaw
from deepaw.cli.typemap import TypeMap, read_type_map

data = typer.Typer(help="Data that models are trained on.", no_args_is_help=True)
data.command()(gpaw)


@data.command()
def info(
    systems: Annotated[list[str], typer.Argument(metavar="SYSTEM...", help="Systems (deepmd/npy, HDF5) or folders.")],
    rcut: Annotated[float, typer.Option(help="Cutoff within which neighbours are counted, in A.")] = 6.0,
    type_map: TypeMap = None,
) -> None:
    """Describe data: frames, ranges, shortest distances, neighbour counts, and frames that look broken."""
    from deepaw.cli.datainfo import print_information
    from deepaw.cli.progress import LateProgress
    from deepaw.errors import InputError
    from deepaw.potential.data.find import find_systems
    from deepaw.potential.data.information import describe, open_systems

    if not 0 < rcut < float("inf"):
        raise InputError(f"The cutoff is {rcut:g} A; it must be above 0.")
    opened = open_systems(find_systems(systems), read_type_map(type_map))
    with LateProgress("frames") as progress:
        found = describe(opened, rcut, progress)
    print_information(found)


@data.command()
def convert(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Outputs of other programs.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="New folder, or HDF5 file, for training/... and validation/...", metavar="PLACE"
        ),
    ],
    format_name: Annotated[
        str | None, typer.Option("--format", help="As dpdata names it; by default from the file's name.")
    ] = None,
    validation_fraction: Annotated[float, typer.Option(help="Frames that are set aside, of all.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides which frames are set aside.", min=0)] = 0,
    type_map: TypeMap = None,
) -> None:
    """Turn labelled frames (OUTCAR, vasprun.xml, CP2K, extxyz, ...) into deepmd/npy or HDF5, divided for training."""
    from deepaw.potential.data.convert import convert as write
    from deepaw.potential.data.system import open_system

    written = write(inputs, output, format_name, validation_fraction, seed, read_type_map(type_map))
    typer.echo(f"types: {' '.join(open_system(written[0].path).type_map)}")
    for part in ("training", "validation"):
        systems = [system for system in written if system.path.parent.name == part]
        typer.echo(f"{part}: {_count(sum(system.nframes for system in systems), 'frame')}")
        for system in systems:
            typer.echo(f"  {system.path}: {_count(system.nframes, 'frame')}, {', '.join(system.labels)}")


@data.command()
def zbl(
    types: Annotated[list[str], typer.Argument(metavar="TYPE...", help="The type map of the model, such as O H.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table, to be named in model.use_srtab.")],
    rcut: Annotated[float, typer.Option(help="Cutoff of the model, where energies have gone to 0, in A.")] = 6.0,
    spacing: Annotated[float, typer.Option(help="Between distances, in A.")] = 0.005,
) -> None:
    """Write a table of the universal repulsion of nuclei (Ziegler, Biersack and Littmark), for close atoms."""
    from deepaw.potential.shortrange.zbl import zbl_table

    names = read_type_map(" ".join(types)) or []
    table = zbl_table(names, rcut, spacing)
    pairs = [f"{names[i]}-{names[j]}" for i in range(len(names)) for j in range(i, len(names))]
    table.write(output, f"r (A), and energies (eV) of {', '.join(pairs)}")
    typer.echo(f"{output}: {len(table.rows):,} distances up to {table.end:g} A, {_count(len(pairs), 'pair')} of types")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
