"""Registry of fitting nets by the `type` of their section. A new fitting net needs its own file and an entry here."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Tag

from deepaw.errors import InputError
from deepaw.inputfile import chosen_by
from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.fitting.base import NetsConfig
from deepaw.potential.fitting.dipole import DipoleFitting, DipoleFittingConfig
from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig
from deepaw.potential.fitting.polar import PolarFitting, PolarFittingConfig
from deepaw.potential.fitting.tensor import TensorConfig, TensorFitting

FittingConfig = Annotated[
    Annotated[EnergyFittingConfig, Tag("ener")]
    | Annotated[DipoleFittingConfig, Tag("dipole")]
    | Annotated[PolarFittingConfig, Tag("polar")],
    chosen_by("type", "ener"),
]
"""The section `model.fitting_net`."""

_TENSORS: dict[type[NetsConfig], type[DipoleFitting] | type[PolarFitting]] = {
    DipoleFittingConfig: DipoleFitting,
    PolarFittingConfig: PolarFitting,
}


def make_fitting(
    config: EnergyFittingConfig,
    ntypes: int,
    width: int,
    *,
    shared: bool = False,
    generator: torch.Generator | None = None,
) -> EnergyFitting:
    """Return fitting nets of energies with random weights, for descriptors of this width."""
    return EnergyFitting(config, ntypes, width, shared=shared, generator=generator)


def make_tensor_fitting(
    config: TensorConfig, ntypes: int, descriptor: Descriptor, *, generator: torch.Generator | None = None
) -> TensorFitting:
    """Return fitting nets of tensors with random weights, for this descriptor.

    Raises InputError: a descriptor without vectors, or any error of the fitting nets.
    """
    if descriptor.channels == 0:
        raise InputError(
            f"a descriptor of distances alone has no vectors, which a fitting net of {config.label} needs; use se_e2_a"
        )
    fitting_class = _TENSORS[type(config)]
    return fitting_class(
        config,  # type: ignore[arg-type]
        ntypes,
        descriptor.width,
        descriptor.channels,
        shared=descriptor.shares_nets,
        generator=generator,
    )
