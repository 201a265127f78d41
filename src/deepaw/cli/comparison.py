"""What `deepaw test` prints: the figures of every structure, of every crystal type, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from deepaw.density.evaluation.compare import Comparison
    from deepaw.density.evaluation.summary import Spread, Summary
    from deepaw.density.occupancies.errors import ElementError

WIDTH = 132
"""Columns of text where the output is not a terminal, which would have a width of its own."""

NOTE = (
    "NMAE: integral of |error| over integral of |density|, as predicted; scaled: to the exact number of electrons; "
    "fitted atoms: without the network. Off: electrons before scaling, predicted minus calculated."
)


def print_comparison(comparisons: Sequence[Comparison]) -> None:
    """Print a table of structures, then one of crystal types that ends with all of them."""
    from deepaw.density.evaluation.summary import summarise

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for part in (_structures(comparisons), _kinds(summarise(comparisons)), NOTE):
        console.print(part)
        console.print()


def print_occupancies(errors: Sequence[ElementError]) -> None:
    """Print a table of the occupancies of elements, if there are any."""
    if not errors:
        return
    console = Console()
    table = _table("element", "atoms", "occupancies", "free atom", "training mean")
    for error in errors:
        table.add_row(
            error.symbol, str(error.atoms), _percent(error.error), _percent(error.free_atom), _percent(error.mean)
        )
    console.print(table)
    console.print("PAW occupancies: mean over atoms of sum |error of D| over sum |D|.")
    console.print()


def _structures(comparisons: Sequence[Comparison]) -> Table:
    table = _table("structure", "crystal type", "atoms", "points", "electrons", "off", "NMAE", "scaled", "fitted atoms")
    for c in comparisons:
        table.add_row(
            c.name,
            c.kind,
            str(c.natoms),
            f"{c.points:,}",
            f"{c.electrons:.4g}",
            f"{c.electron_error:+.4f}",
            _percent(c.nmae),
            _percent(c.nmae_scaled),
            _percent(c.nmae_fitted),
        )
    return table


def _kinds(summaries: Sequence[Summary]) -> Table:
    table = _table(
        "crystal type", "structures", "most off", "NMAE mean", "median", "worst", "scaled", "fitted atoms", "worst is"
    )
    for summary in summaries:
        if summary is summaries[-1]:
            table.add_section()
        table.add_row(
            summary.kind,
            str(summary.count),
            f"{summary.electron_error:+.4f}",
            _percent(summary.nmae.mean),
            _percent(summary.nmae.median),
            _percent(summary.nmae.worst),
            _percent(_mean(summary.scaled)),
            _percent(_mean(summary.fitted)),
            summary.nmae.worst_name,
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        is_text = column in ("structure", "crystal type", "worst is", "element")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    return table


def _mean(spread: Spread | None) -> float | None:
    return None if spread is None else spread.mean


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.3%}"
