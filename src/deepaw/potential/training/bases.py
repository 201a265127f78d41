"""The spectral bases of a training: from how near atoms come to each other in its data."""

from __future__ import annotations

import warnings

import torch

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.switch import switch
from deepaw.potential.model import PotentialModel
from deepaw.potential.network.activation import SMOOTH
from deepaw.spectral import ChebyshevBasis

ROOM = 0.95
"""Bases reach down to this part of the shortest distance."""

SIZES = {torch.float32: 24, torch.float64: 32}
"""Polynomials for networks of each type. On a trained water model whose largest embedding is 2.7, 24 are off by 4e-8
and 32 by 2e-10 (48 by 4e-14). Whatever the error, forces are the exact gradient of the energy that is minimised."""


def bases_of(model: PotentialModel, closest: float) -> list[ChebyshevBasis]:
    """One basis for each part of the descriptor, over all s that can occur.

    closest: A, the shortest distance in the data, or inf where no atom has a neighbour. Warns about embeddings with
    kinks, which polynomials represent badly.
    """
    for part in model.descriptor.parts:
        if (name := part.config.activation_function).lower() not in SMOOTH:
            warnings.warn(
                f"activation_function {name} of the descriptor has a kink, which training smooths over and evaluation "
                f"does not; {', '.join(sorted(SMOOTH - {'none', 'linear'}))} have none",
                stacklevel=2,
            )
    return [_basis(part, closest) for part in model.descriptor.parts]


def _basis(part: PairwiseDescriptor, closest: float) -> ChebyshevBasis:
    config = part.config
    r = torch.tensor(ROOM * min(closest, part.rcut), dtype=torch.float64)
    s = switch(r, config.rcut_smth, config.rcut) / (r + config.env_protection)
    return ChebyshevBasis(0.0, float(s), SIZES[part.dtype])
