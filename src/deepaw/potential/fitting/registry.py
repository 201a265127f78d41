"""All fitting nets, by the `type` of their section in an input file. A new one is its file and a line here."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Tag

from deepaw.inputfile import chosen_by
from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig

FittingConfig = Annotated[Annotated[EnergyFittingConfig, Tag("ener")], chosen_by("type", "ener")]
"""The section `model.fitting_net`."""


def make_fitting(
    config: EnergyFittingConfig, ntypes: int, width: int, *, generator: torch.Generator | None = None
) -> EnergyFitting:
    """The fitting nets that a section asks for, with random weights, for descriptors of this width."""
    return EnergyFitting(config, ntypes, width, generator=generator)
