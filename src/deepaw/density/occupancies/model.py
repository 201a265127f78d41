"""What a density model knows of occupancies, and how its file holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.setup import PawSetup, setup_of_description

PREFIX = "occupancies."


@dataclass(frozen=True)
class Occupancies:
    """Readout and setups of a model.

    setups: by symbol, of the elements of the readout. errors: mean of sum |dD| / sum |D| in validation, by symbol.
    smooth_density: whether the model's expansion is the smooth density, to which their compensation charges add.
    """

    readout: OccupancyReadout
    setups: dict[str, PawSetup]
    errors: dict[str, float] = field(default_factory=dict)
    smooth_density: bool = False

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
            "smooth_density": self.smooth_density,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Tensors of a model file, by name."""
        state = {f"{PREFIX}readout.{name}": value for name, value in self.readout.state_dict().items()}
        for symbol, setup in self.setups.items():
            for name, array in setup.arrays().items():
                state[f"{PREFIX}setups.{symbol}.{name}"] = torch.from_numpy(array)
        return state


def occupancies_of_file(content: dict[str, Any], tensors: dict[str, Tensor], features: int, lmax: int) -> Occupancies:
    """The occupancies that a model file holds.

    features, lmax: of the network. Raises KeyError, TypeError, ValueError or RuntimeError: no such content.
    """
    of_readout = f"{PREFIX}readout."
    setups = {}
    for symbol, description in content["setups"].items():
        prefix = f"{PREFIX}setups.{symbol}."
        arrays = {
            name.removeprefix(prefix): value.numpy() for name, value in tensors.items() if name.startswith(prefix)
        }
        setups[symbol] = setup_of_description(symbol, description, arrays)
    readout = OccupancyReadout({symbol: setup.channels for symbol, setup in setups.items()}, features, lmax)
    readout.load_state_dict(
        {name.removeprefix(of_readout): value for name, value in tensors.items() if name.startswith(of_readout)}
    )
    return Occupancies(readout, setups, content["errors"], content.get("smooth_density", False))
