"""What `deepaw data info` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from deepaw.potential.data.information import DataInformation, Range, SystemInformation

WIDTH = 200
"""Columns of text where the output is not a terminal, which would have a width of its own."""

LISTED = 40
"""How many broken frames are listed."""


def print_information(found: DataInformation) -> None:
    """Print tables of systems, labels, distances and neighbours, and a line for every broken frame."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDTH)
    frames = sum(system.nframes for system in found.systems)
    count = f"{len(found.systems)} system{'s' * (len(found.systems) != 1)}, {frames:,} frames"
    console.print(f"{count}, types {' '.join(found.type_map)}\n")
    for part in (_systems(found), _labels(found), _distances(found), _neighbours(found)):
        console.print(part)
        console.print()
    console.print(f'sel {found.neighbours.sel()} is what "auto" means for rcut {found.neighbours.rcut:g}')
    if not found.broken:
        console.print("no frame looks broken")
    for each in found.broken[:LISTED]:
        line = f"{each.system}, frame {each.frame + 1}: {each.reason}"
        console.print(Text.assemble(("warning: ", "bold yellow"), line), soft_wrap=True)
    if len(found.broken) > LISTED:
        console.print(f"and {len(found.broken) - LISTED:,} more warnings")


def _systems(found: DataInformation) -> Table:
    table = _table(("system", "formula", "cell"), ("frames", "atoms", "edges, A", "volume, A^3"))
    for system in found.systems:
        table.add_row(
            system.name,
            _formula(system),
            "periodic" if system.is_periodic else "none",
            f"{system.nframes:,}",
            _whole(system.natoms),
            _range(system.lengths, ".2f"),
            _range(system.volumes, ".1f"),
        )
    return table


def _labels(found: DataInformation) -> Table:
    table = _table(("system",), ("energy, eV/atom", "force rms, eV/A", "largest", "virial, eV/atom"), ("other labels",))
    for system in found.systems:
        table.add_row(
            system.name,
            _range(system.energy, ".4f"),
            _number(system.force_rms, ".3f"),
            _number(system.force_max, ".2f"),
            _range(system.virial, ".3f"),
            " ".join(name for name in system.labels if name not in ("energy", "force", "virial")) or "-",
        )
    return table


def _distances(found: DataInformation) -> Table:
    table = _table(("pair",), ("shortest, A",), ("in system", "frame"))
    for (first, second), shortest in found.neighbours.shortest.items():
        table.add_row(
            f"{found.type_map[first]}-{found.type_map[second]}",
            f"{shortest.distance:.3f}",
            shortest.system,
            str(shortest.frame + 1),
        )
    return table


def _neighbours(found: DataInformation) -> Table:
    table = _table(("type",), (f"most neighbours within {found.neighbours.rcut:g} A", "mean", "sel"))
    statistics = found.neighbours
    columns = (statistics.largest, statistics.mean, statistics.sel())
    for name, most, mean, sel in zip(found.type_map, *columns, strict=True):
        table.add_row(name, str(most), f"{mean:.1f}", str(sel))
    return table


def _table(names: tuple[str, ...], numbers: tuple[str, ...], more: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in (*names, *numbers, *more):
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _formula(system: SystemInformation) -> str:
    return system.formulas[0] if len(system.formulas) == 1 else f"{len(system.formulas)} compositions"


def _whole(values: Range) -> str:
    return f"{values.low:g}" if values.low == values.high else f"{values.low:g} to {values.high:g}"


def _range(values: Range | None, form: str) -> str:
    if values is None:
        return "-"
    low, high = f"{values.low:{form}}", f"{values.high:{form}}"
    return low if low == high else f"{low} to {high}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
