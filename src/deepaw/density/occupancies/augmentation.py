"""Density matrices as the 'augmentation occupancies' of a CHGCAR.

VASP writes, for every pair of channels i <= j and every L of natural parity, 2 L + 1 numbers, m = -L..L:

    rho[ij, L, M] = f sum_mm' G(LM, lm, l'm') D[im, jm']        f = 1 for i = j, else 2

with Gaunt coefficients G, the integral of three real harmonics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepaw.density.files.augmentation import HEADING, Augmentation
from deepaw.density.files.numbers import format_rows
from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.coupling import coupling_of, gaunt_factor, to_z_polar

Array = NDArray[np.float64]

_NUMBER, _PER_LINE = "%15.7E", 5


def numbers_of_matrix(channels: Channels, matrix: Array) -> Array:
    """Occupancies (count,) in VASP's order of a matrix D (ni, ni)."""
    components = coupling_of(channels.degrees).couple(matrix)
    rows = _rows(channels)
    return np.concatenate([factor * (to_z_polar(total) @ components[part]) for part, total, factor in rows])


def matrix_of_numbers(channels: Channels, numbers: Array) -> Array:
    """Matrix D (ni, ni) of occupancies (count,) in VASP's order."""
    coupling = coupling_of(channels.degrees)
    components = np.zeros(coupling.size)
    start = 0
    for part, total, factor in _rows(channels):
        end = start + 2 * total + 1
        components[part] = to_z_polar(total).T @ numbers[start:end] / factor
        start = end
    return coupling.uncouple(components)


def augmentation_of_matrices(
    symbols: Sequence[str], channels: dict[str, Channels], matrices: Sequence[Array]
) -> Augmentation:
    """Text of the blocks of all atoms: `matrices` one for each of `symbols`, with the channels of its element."""
    text = []
    for atom, (symbol, matrix) in enumerate(zip(symbols, matrices, strict=True), start=1):
        numbers = numbers_of_matrix(channels[symbol], matrix)
        text.append(f"{HEADING}{atom:4d}{len(numbers):4d}\n")
        text += [rows.decode() for rows in format_rows(numbers, _NUMBER, _PER_LINE)]
    return Augmentation(tuple(symbols), "".join(text))


def _rows(channels: Channels) -> list[tuple[slice, int, float]]:
    """In VASP's order: where a pair's degree L lies among the components, L, and VASP's factor."""
    coupling = coupling_of(channels.degrees)
    places, start = {}, 0
    for i, j, total in coupling.terms:
        places[i, j, total] = slice(start, start + 2 * total + 1)
        start += 2 * total + 1
    degrees = channels.degrees
    return [
        (places[i, j, total], total, (1 if i == j else 2) * gaunt_factor(degrees[i], degrees[j], total))
        for i, j in channels.pairs()
        for total in channels.totals(i, j)
    ]
