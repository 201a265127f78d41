"""`deepaw neighbor-stat`: the shortest distance in data, and the most neighbours that an atom has."""

from __future__ import annotations

from typing import Annotated

import typer

from deepaw.cli.deepmd import check_values


def neighbor_stat(
    rcut: Annotated[float, typer.Option("--rcut", "-r", help="Cutoff, in A.")],
    more_types: Annotated[list[str] | None, typer.Argument(metavar="[TYPE]...", help="More types.")] = None,
    system: Annotated[str, typer.Option("--system", "-s", help="A system (deepmd/npy) or a folder of them.")] = ".",
    type_map: Annotated[
        list[str] | None,
        typer.Option("--type-map", "-t", help="The types in the order of the model: -t O H.", metavar="TYPE"),
    ] = None,
    mixed_type: Annotated[
        bool, typer.Option("--mixed-type", "--one-type", help="Count neighbours of all types together.")
    ] = False,
) -> None:
    """Print the shortest distance and the largest number of neighbours of each type, from which `sel` is chosen."""
    from deepaw.cli.progress import LateProgress
    from deepaw.errors import InputError
    from deepaw.potential.data.find import find_systems
    from deepaw.potential.data.information import open_systems
    from deepaw.potential.data.neighbours import neighbour_statistics
    from deepaw.potential.data.scan import scan_systems

    if not 0 < rcut < float("inf"):
        raise InputError(f"The cutoff is {rcut:g} A; it must be above 0.")
    names = [*(type_map or []), *check_values("--type-map", more_types)]
    if len(set(names)) < len(names):
        raise InputError(f"The type map is {' '.join(names)}; it should name each type once.")
    systems = open_systems(find_systems(system), names or None)
    with LateProgress("frames") as progress:
        scans = scan_systems(systems, [rcut], progress, keep=False)
    counts = [(entry.name, scan[rcut]) for entry, scan in zip(systems, scans, strict=True)]
    statistics = neighbour_statistics(rcut, len(systems[0].type_map), counts)
    if not names:
        print(f"type_map: {list(systems[0].type_map)}")
    print(f"min_nbor_dist: {statistics.shortest_distance:f}")
    print(f"max_nbor_size: {[statistics.largest_total] if mixed_type else statistics.largest.tolist()}")
