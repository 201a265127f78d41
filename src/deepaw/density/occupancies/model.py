"""What a density model knows of occupancies, and how its file holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.setup import PawSetup, setup_of_description


@dataclass(frozen=True)
class Occupancies:
    """Readout and setups of a model.

    setups: by symbol, of the elements of the readout. errors: mean of sum |dD| / sum |D| in validation, by symbol.
    """

    readout: OccupancyReadout
    setups: dict[str, PawSetup]
    errors: dict[str, float] = field(default_factory=dict)

    @property
    def cutoff(self) -> float | None:
        """Plane-wave cutoff of the training data, eV, where it is known."""
        return next((setup.cutoff for setup in self.setups.values()), None)

    @property
    def xc(self) -> str | None:
        """Exchange-correlation functional of the training data, where it is known."""
        return next((setup.xc for setup in self.setups.values()), None)

    @property
    def for_vasp(self) -> bool:
        """Whether they are those of CHGCARs, and not of another code's setups."""
        return not any(setup.fingerprint for setup in self.setups.values())

    def description(self) -> dict[str, Any]:
        """JSON-serialisable part of a model file."""
        return {
            "setups": {symbol: setup.description() for symbol, setup in self.setups.items()},
            "errors": self.errors,
        }

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Tensors of a model file, by names that begin with `prefix`."""
        state = {f"{prefix}readout.{name}": value for name, value in self.readout.state_dict().items()}
        for symbol, setup in self.setups.items():
            for name, array in setup.arrays().items():
                state[f"{prefix}setups.{symbol}.{name}"] = torch.from_numpy(array)
        return state


def occupancies_of_file(
    content: dict[str, Any], tensors: dict[str, Tensor], prefix: str, features: int, lmax: int
) -> Occupancies:
    """The occupancies that a model file holds under names that begin with `prefix`.

    features, lmax: of the network. Raises KeyError, TypeError, ValueError or RuntimeError: no such content.
    """
    of_readout = f"{prefix}readout."
    setups = {}
    for symbol, description in content["setups"].items():
        of_setup = f"{prefix}setups.{symbol}."
        arrays = {
            name.removeprefix(of_setup): value.numpy() for name, value in tensors.items() if name.startswith(of_setup)
        }
        setups[symbol] = setup_of_description(symbol, description, arrays)
    readout = OccupancyReadout({symbol: setup.channels for symbol, setup in setups.items()}, features, lmax)
    readout.load_state_dict(
        {name.removeprefix(of_readout): value for name, value in tensors.items() if name.startswith(of_readout)}
    )
    return Occupancies(readout, setups, content["errors"])
