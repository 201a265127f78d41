"""The figures of every structure as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from deepaw.density.evaluation.compare import Comparison
from deepaw.outputfile import output_file

COLUMNS = (
    "name", "kind", "natoms", "points", "electrons", "electron_error", "nmae", "nmae_scaled", "nmae_fitted", "seconds",
)  # fmt: skip
"""Fields of `Comparison`; NMAEs as fractions."""


def write_table(path: str | Path, comparisons: Sequence[Comparison]) -> None:
    """One line a structure; what is not known is left empty. Raises InputError where the file cannot be written."""
    with output_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for comparison in comparisons:
            writer.writerow([_text(getattr(comparison, column)) for column in COLUMNS])


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
