"""Predicted occupancies on their way into a CHGCAR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepaw.density.files.augmentation import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deepaw.density.occupancies.model import Occupancies


@dataclass(frozen=True)
class PredictedOccupancies:
    """Text of the blocks of all atoms, and what is to be said of them.

    augmentation: None where some atoms have none, or they are not for VASP. missing: numbers of these atoms, from 1,
    with their symbols, such as '3 (Hf)'. errors: mean of sum |dD| / sum |D| in validation, by symbol of the structure.
    for_vasp: whether they are of VASP's data sets; those of another code's setups would mislead VASP.
    """

    augmentation: Augmentation | None
    missing: tuple[str, ...]
    errors: dict[str, float]
    for_vasp: bool

    def message(self) -> dict[str, Any]:
        """The fields as a map of plain values; `text`: of the blocks, or None."""
        return {
            "text": None if self.augmentation is None else self.augmentation.total,
            "missing": list(self.missing),
            "errors": self.errors,
            "for_vasp": self.for_vasp,
        }


def occupancies_of_message(symbols: tuple[str, ...], content: dict[str, Any] | None) -> PredictedOccupancies | None:
    """What `message` gave, for atoms with these symbols."""
    if content is None:
        return None
    augmentation = None if content["text"] is None else Augmentation(symbols, content["text"])
    return PredictedOccupancies(augmentation, tuple(content["missing"]), dict(content["errors"]), content["for_vasp"])


def predicted_occupancies(
    symbols: Sequence[str], matrices: Sequence[NDArray[np.float64] | None], occupancies: Occupancies
) -> PredictedOccupancies:
    """The blocks of a CHGCAR for atoms with these symbols and predicted matrices."""
    # it comes with torch, which a client of a server does without
    from deepaw.density.occupancies.augmentation import augmentation_of_matrices

    pairs = list(zip(symbols, matrices, strict=True))
    missing = tuple(f"{atom} ({symbol})" for atom, (symbol, matrix) in enumerate(pairs, 1) if matrix is None)
    present = [matrix for _, matrix in pairs if matrix is not None]
    augmentation = None
    if not missing and occupancies.for_vasp:
        channels = {symbol: setup.channels for symbol, setup in occupancies.setups.items()}
        augmentation = augmentation_of_matrices(symbols, channels, present)
    errors = {symbol: occupancies.errors[symbol] for symbol in dict.fromkeys(symbols) if symbol in occupancies.errors}
    return PredictedOccupancies(augmentation, missing, errors, occupancies.for_vasp)
