"""The figures of every structure as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from deepaw.density.evaluation.compare import Comparison
from deepaw.density.evaluation.occupancies import OccupancyComparison
from deepaw.outputfile import output_file

COLUMNS = (
    "name", "kind", "natoms", "points", "electrons", "electron_error", "nmae", "nmae_scaled", "nmae_fitted", "seconds",
)  # fmt: skip
"""Fields of `Comparison`; NMAEs as fractions."""


def write_table(
    path: str | Path, comparisons: Sequence[Comparison], occupancies: OccupancyComparison | None = None
) -> None:
    """One line a structure; what is not known is left empty. Raises InputError where the file cannot be written.

    Every element with occupancies has a column, such as `occupancies_O`.
    """
    occupancies = occupancies or OccupancyComparison()
    symbols = [error.symbol for error in occupancies.elements]
    with output_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"occupancies_{symbol}" for symbol in symbols)])
        for comparison in comparisons:
            errors = occupancies.structures.get(comparison.name, {})
            values = [getattr(comparison, column) for column in COLUMNS] + [errors.get(symbol) for symbol in symbols]
            writer.writerow([_text(value) for value in values])


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
