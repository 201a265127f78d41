"""GPAW setups, functional and cutoff behind a model's occupancies, and the check that a calculation fits them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepaw.errors import InputError


@dataclass(frozen=True)
class TrainedSetups:
    """PAW setups that occupancies belong to.

    elements: symbols of those that occupancies are known of. fingerprints: of each one's setup file, empty where it is
    not one of GPAW. cutoff: eV, of the plane waves of the data. xc: its functional. None where not known.
    """

    elements: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    cutoff: float | None = None
    xc: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return what is known of `xc` and `cutoff`, as arguments of `deepaw.gpaw.parameters.default_parameters`."""
        return {key: value for key, value in (("xc", self.xc), ("cutoff", self.cutoff)) if value is not None}

    def check(self, setups: Any, parameters: Any) -> None:
        """Raise InputError for a setup or functional other than these, and warn of another plane-wave cutoff.

        setups: gpaw.setup.Setups. parameters: gpaw.dft.Parameters.
        """
        for setup in setups:
            if setup.symbol not in self.elements:
                continue
            expected = self.fingerprints[setup.symbol]
            if not expected:
                raise InputError(
                    f"The occupancies of {setup.symbol} are not those of a GPAW setup but of another code; a model "
                    "trained on GPAW's is needed (deepaw data gpaw makes the data)."
                )
            if setup.fingerprint != expected:
                raise InputError(
                    f"The GPAW setup of {setup.symbol} in this calculation has the fingerprint {setup.fingerprint}; "
                    f"the occupancies are for that of {expected}: use the setup that the model was trained on."
                )
        if self.xc is not None and parameters.xc.name != self.xc:
            raise InputError(
                f"The calculation uses {parameters.xc.name}; the occupancies are for {self.xc}, so xc must be that."
            )
        cutoff = getattr(parameters.mode, "ecut", None)
        if self.cutoff is not None and cutoff is not None and abs(cutoff - self.cutoff) > 1.0:
            warnings.warn(
                f"The occupancies are for a plane-wave cutoff of {self.cutoff:g} eV and change by some percent with "
                f"it; at {cutoff:g} eV less is saved, and energies at the predicted density are off.",
                stacklevel=2,
            )


def trained_setups(model: Any) -> TrainedSetups:
    """Return what a density model knows of the setups of its occupancies; without elements where it has none."""
    occupancies = getattr(model, "occupancies", None)
    if occupancies is None:
        return TrainedSetups()
    fingerprints = {symbol: str(setup.fingerprint) for symbol, setup in occupancies.setups.items()}
    return TrainedSetups(tuple(fingerprints), fingerprints, occupancies.cutoff, occupancies.xc)
