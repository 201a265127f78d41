"""Density matrices from the augmentation occupancies of a CHGCAR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deepaw.density.files.augmentation import Augmentation, atom_numbers
from deepaw.density.files.chgcar import find_augmentation
from deepaw.density.occupancies.augmentation import matrix_of_numbers
from deepaw.density.occupancies.channels import Channels, channels_of_count
from deepaw.density.occupancies.data import AtomicMatrices
from deepaw.density.occupancies.setup import PawSetup
from deepaw.errors import InputError


class ChgcarOccupancies:
    """Occupancies of the total density in the CHGCAR `path`; of a spin-polarised one those of the first block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, channels: Mapping[str, Channels]) -> AtomicMatrices | None:
        """Setups and matrices, None where the file has none.

        channels: of elements whose channels are not those that a count in `COUNTS` says.

        Raises InputError: an incomplete file, a count that fits no channels, numbers that are not finite.
        """
        augmentation = find_augmentation(self._path)
        return None if augmentation is None else matrices_of_augmentation(augmentation, channels, str(self._path))


def matrices_of_augmentation(augmentation: Augmentation, channels: Mapping[str, Channels], name: str) -> AtomicMatrices:
    """Matrices of the total density of the CHGCAR `name`; raises InputError as `ChgcarOccupancies.read`."""
    numbers = atom_numbers(augmentation.total, name)
    setups: dict[str, PawSetup] = {}
    matrices = []
    for symbol, values in zip(augmentation.symbols, numbers, strict=True):
        if symbol not in setups:
            named = channels.get(symbol) or channels_of_count(symbol, len(values), name)
            if named.count != len(values):
                raise InputError(
                    f"{name} has {len(values)} augmentation occupancies for {symbol}, and its channels {named.name} "
                    f"make {named.count}; name the channels of its POTCAR in occupancies.setup_channels."
                )
            setups[symbol] = PawSetup(named)
        matrices.append(matrix_of_numbers(setups[symbol].channels, values))
    return AtomicMatrices(name, setups, matrices)
