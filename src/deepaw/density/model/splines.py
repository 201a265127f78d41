"""Radial functions of the multipole expansion: cubic B-splines packed towards the nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from deepaw.errors import InputError
from deepaw.spectral import Table

TABLE_INTERVALS = 8192


@dataclass(frozen=True)
class SplineConfig:
    """Which splines: for every degree l how many and up to which radius.

    Attributes:
        counts: radial functions of degree 0, 1, ..., lmax.
        cutoffs: A, where the functions of that degree vanish with two derivatives.
        power: knot i of n lies at cutoff (i / n)^power; above 1 packs them towards the nucleus, where a PAW
            density is sharpest.
    """

    counts: tuple[int, ...] = (30, 16, 20, 14, 14)
    cutoffs: tuple[float, ...] = (4.5, 4.5, 4.5, 4.0, 4.0)
    power: float = 1.3

    def __post_init__(self) -> None:
        matching = 0 < len(self.counts) == len(self.cutoffs)
        if not matching or min(self.counts) < 4 or min(self.cutoffs) <= 0 or self.power < 1:
            raise InputError(
                "splines need a count of at least 4 and a positive cutoff for every degree, and a power of at least 1, "
                f"not counts={self.counts}, cutoffs={self.cutoffs}, power={self.power}."
            )

    @property
    def lmax(self) -> int:
        return len(self.counts) - 1

    @property
    def cutoff(self) -> float:
        return max(self.cutoffs)

    @property
    def size(self) -> int:
        """Radial functions of all degrees together."""
        return sum(self.counts)


def spline_values(config: SplineConfig, r: Tensor) -> Tensor:
    """g_k(r) for all degrees, (..., config.size), exact; r (...) in A.

    Functions of degree 1 start as r and those above as r^2, so that g Y_lm has one value at the nucleus. Each has
    4 pi int g^2 r^2 dr = 1, in units that make coefficient times g a density in e/A^3.
    """
    radius = r.detach().cpu().double().numpy()
    columns = []
    for degree, (count, cutoff) in enumerate(zip(config.counts, config.cutoffs, strict=True)):
        spline = _spline(degree, count, cutoff, config.power)
        values = np.nan_to_num(spline(np.where(radius < cutoff, radius, np.nan)), nan=0.0)
        columns.append(values / _norms(spline, cutoff))
    return torch.from_numpy(np.concatenate(columns, axis=-1)).to(r)


@cache
def spline_table(config: SplineConfig, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Table:
    """The same as a table on [0, cutoff]: (..., config.size) by linear interpolation; zero beyond the cutoff."""
    return Table.sample(lambda r: spline_values(config, r), 0.0, config.cutoff, TABLE_INTERVALS, dtype, device)


def _spline(degree: int, count: int, cutoff: float, power: float) -> BSpline:
    dropped = min(degree, 2)  # the first functions, which do not vanish at the nucleus
    breakpoints = cutoff * np.linspace(0, 1, count + dropped + 1) ** power
    knots = np.concatenate([np.zeros(3), breakpoints, np.full(3, cutoff)])
    size = len(knots) - 4
    return BSpline(knots, np.eye(size)[:, dropped : size - 3], 3, extrapolate=False)


def _norms(spline: BSpline, cutoff: float) -> np.ndarray:
    r = np.linspace(0, cutoff, 40001)[:-1]
    return np.sqrt(np.trapezoid(4 * np.pi * (spline(r) * r[:, None]) ** 2, r, axis=0))
