"""Density matrices of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.setup import PawSetup
from deepaw.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AtomicMatrices:
    """Matrices D (ni, ni), float64, of all atoms of a structure, with the setup of each element; origin: their file."""

    origin: str
    setups: dict[str, PawSetup]
    matrices: list[Array]


class OccupancySource(Protocol):
    """Where the occupancies of a structure are."""

    def read(self, channels: Mapping[str, Channels]) -> AtomicMatrices | None:
        """Setups and matrices, None where there are none; channels: of elements whose source does not say them."""


@dataclass(frozen=True)
class OccupancyData:
    """Matrices by name of the structure, and the one setup that each element has in all of them."""

    setups: dict[str, PawSetup]
    structures: dict[str, AtomicMatrices]


def read_occupancies(
    sources: Iterable[tuple[str, OccupancySource | None]],
    channels: Mapping[str, Channels],
    progress: Callable[[], None] | None = None,
) -> OccupancyData:
    """Occupancies of the structures called by name that have any.

    channels: of elements whose source does not say them. Raises InputError: as the sources do, or an element with
    different setups.
    """
    setups: dict[str, tuple[PawSetup, str]] = {}
    structures = {}
    for name, source in sources:
        matrices = None if source is None else source.read(channels)
        if progress is not None:
            progress()
        if matrices is None:
            continue
        structures[name] = matrices
        for symbol, setup in matrices.setups.items():
            first, origin = setups.setdefault(symbol, (setup, matrices.origin))
            check_same_setup(first, origin, setup, matrices.origin)
    return OccupancyData({symbol: setup for symbol, (setup, _) in setups.items()}, structures)


def check_same_setup(first: PawSetup, origin: str, setup: PawSetup, other: str) -> None:
    """Raise InputError where two setups of an element, of the files `origin` and `other`, differ."""
    if first.matches(setup):
        return
    raise InputError(
        f"{origin} and {other} have occupancies of different setups of {setup.channels.element} ({first.name}; "
        f"{setup.name}); they should be of one."
    )
