"""Tabulated pair potentials: DeePMD-kit's file format, and interpolation with cubic splines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from torch import Tensor

from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.textfile import read_text

SPACING_TOLERANCE = 1e-2
"""Allowed relative deviation of the spacing between rows; files round their numbers."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Table of pair energies over distance.

    rows: (n, 1 + pairs) float64: evenly spaced distances (A), and the energies (eV) of pairs of types 0-0, 0-1, ...,
    1-1, ... at each distance.

    Between rows, energies are cubic splines with slope 0 at both ends of the table. From the last row on they are 0;
    before the first row they are undefined.
    """

    rows: np.ndarray

    @property
    def first(self) -> float:
        """First distance, A."""
        return float(self.rows[0, 0])

    @property
    def spacing(self) -> float:
        """Distance between rows, A."""
        return float(self.rows[1, 0] - self.rows[0, 0])

    @property
    def end(self) -> float:
        """Distance from which on energies are 0, A."""
        return self.first + (len(self.rows) - 1) * self.spacing

    @property
    def ntypes(self) -> int:
        """Number of types."""
        return ntypes_from_columns(self.rows.shape[1])

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Spline coefficients (ntypes, ntypes, n - 1, 4), eV, of u^3, u^2, u and 1; u goes from 0 to 1 between rows."""
        ntypes, h = self.ntypes, self.spacing
        result = np.empty((ntypes, ntypes, len(self.rows) - 1, 4))
        for column, (first, second) in enumerate(zip(*np.triu_indices(ntypes), strict=True), start=1):
            energy = self.rows[:, column]
            slope = h * CubicSpline(self.rows[:, 0], energy, bc_type="clamped")(self.rows[:, 0], 1)
            change, left, right = np.diff(energy), slope[:-1], slope[1:]
            spline = np.stack([left + right - 2 * change, 3 * change - 2 * left - right, left, energy[:-1]], axis=-1)
            result[first, second] = result[second, first] = spline
        return result

    def reaching(self, rcut: float) -> PairTable:
        """Return the table extended with rows up to `rcut` (A), with the rule of DeePMD-kit.

        If all energies of the last row are 0, the added ones are 0. Otherwise they go to 0 along one cubic, whose slope
        (eV/A) at the old end is the difference (eV) of the last two rows. Warns in this case, and if energies are not 0
        at `rcut`.
        """
        h, rows = self.spacing, self.rows
        nadded = int(np.ceil(rcut / h - self.first / h)) - (len(rows) - 1)
        if nadded <= 0:
            if rows[max(len(rows) - 1 + nadded, 0), 1:].any():
                warnings.warn(
                    f"the short-range table is not 0 at the cutoff, {rcut:g} A; energies jump there", stacklevel=2
                )
            return self
        added = np.zeros((nadded, rows.shape[1]))
        added[:, 0] = rows[-1, 0] + h * np.arange(1, nadded + 1)
        if rows[-1, 1:].any():
            warnings.warn(
                f"the short-range table ends at {rows[-1, 0]:g} A with energies that are not 0; they are led to 0 "
                f"within the cutoff, {rcut:g} A",
                stacklevel=2,
            )
            if added[-1, 0] / h - rows[-1, 0] / h >= 2:
                added = added[:-1]
            slope = rows[-1, 1:] - rows[-2, 1:]
            ends = np.stack([rows[-1], added[-1]])
            tail = CubicSpline(ends[:, 0], ends[:, 1:], bc_type=((1, slope), (1, np.zeros_like(slope))))
            added[:, 1:] = tail(added[:, 0])
            added[-1, 1:] = 0
        return PairTable(np.concatenate([rows, added]))

    def write(self, path: str | Path, comment: str = "") -> None:
        """Write the table in the format of `read_table`; raises InputError if the file cannot be written."""
        with output_file(path) as temporary:
            np.savetxt(temporary, self.rows, fmt=["%12.6f"] + ["%.12e"] * (self.rows.shape[1] - 1), header=comment)


def ntypes_from_columns(columns: int) -> int:
    """Return the number of types of a table with one column of distances and one of energies for each pair of types.

    Returns 0 if no number of types has that many columns.
    """
    pairs = columns - 1
    ntypes = int(((8 * pairs + 1) ** 0.5 - 1) / 2 + 0.5)
    return ntypes if pairs > 0 and ntypes * (ntypes + 1) // 2 == pairs else 0


def read_table(path: str | Path, type_map: Sequence[str]) -> PairTable:
    """Read a table from a text file with the columns of `PairTable.rows`; # begins a comment.

    type_map: of the potential.

    Raises InputError, with the line: no such file, not UTF-8, a word that is not a finite number, rows of different
    lengths, fewer than two rows, columns for another number of types, distances that are negative, do not rise, or are
    not evenly spaced.
    """
    path = Path(path)
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; model.use_srtab names a table of pair energies.") from None
    except OSError:
        raise InputError(f"{path} cannot be read as text; model.use_srtab names a table of pair energies.") from None
    line_numbers, rows = [], []
    for number, line in enumerate(lines, start=1):
        if words := line.partition("#")[0].split():
            line_numbers.append(number)
            rows.append(_parse_row(words, f"{path}, line {number}"))
    columns = 1 + len(type_map) * (len(type_map) + 1) // 2
    for number, row in zip(line_numbers, rows, strict=True):
        if len(row) != columns:
            raise InputError(
                f"{path}, line {number} has {len(row)} columns; it should have {columns}: a distance, and an energy "
                f"for each pair of the {len(type_map)} types of type_map."
            )
    if len(rows) < 2:
        raise InputError(f"{path} has {len(rows)} rows of numbers; a table has two or more.")
    table = PairTable(np.array(rows))
    _check_distances(path, line_numbers, table)
    return table


def _parse_row(words: Sequence[str], place: str) -> list[float]:
    """Convert the words of a line to finite numbers; place: file and line in error messages."""
    row = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            raise InputError(f"{place} has {word!r} where a number belongs.") from None
        if not np.isfinite(value):
            raise InputError(f"{place} has {word}, which is not a finite number.")
        row.append(value)
    return row


def _check_distances(path: Path, line_numbers: Sequence[int], table: PairTable) -> None:
    """Raise InputError unless distances are not negative, rise, and are evenly spaced."""
    r = table.rows[:, 0]
    if r[0] < 0 or table.spacing <= 0:
        line, value = (line_numbers[0], r[0]) if r[0] < 0 else (line_numbers[1], r[1])
        raise InputError(f"{path}, line {line} has the distance {value:g} A; distances begin at 0 or more and rise.")
    uneven = np.flatnonzero(np.abs(np.diff(r) - table.spacing) > SPACING_TOLERANCE * table.spacing)
    if len(uneven):
        row = int(uneven[0]) + 1
        raise InputError(
            f"{path}, line {line_numbers[row]} has the distance {r[row]:g} A; with the spacing of the first two rows "
            f"it should be {r[row - 1] + table.spacing:g}."
        )


def interpolate(
    coefficients: Tensor, first: float, spacing: float, types: tuple[Tensor, Tensor], r: Tensor
) -> tuple[Tensor, Tensor]:
    """Interpolate pair energies (n,), eV, and their slopes (n,), eV/A; float64.

    coefficients, first, spacing: of a `PairTable`.
    types: of the two atoms, (n,) and (n,). r: distances within the table or beyond its end, (n,), A.
    """
    npieces = coefficients.shape[2]
    u = (r - first) / spacing
    piece = u.detach().floor().long()
    beyond = piece >= npieces
    piece = piece.clamp(0, npieces - 1)
    u = u - piece
    a3, a2, a1, a0 = coefficients[types[0], types[1], piece].unbind(-1)
    energy = ((a3 * u + a2) * u + a1) * u + a0
    slope = ((3 * a3 * u + 2 * a2) * u + a1) / spacing
    return energy.masked_fill(beyond, 0), slope.masked_fill(beyond, 0)
