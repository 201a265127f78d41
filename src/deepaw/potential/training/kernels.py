"""How a training computes each part of a descriptor: from how near atoms come to each other in its data."""

from __future__ import annotations

from typing import Any

import torch

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.atomic import AtomicModel

ROOM = 0.95
"""Spectral bases reach down to this part of the shortest distance."""

SIZES = {torch.float32: 24, torch.float64: 32}
"""Polynomials for networks of each type. On a trained water model whose largest embedding is 2.7, 24 are off by 4e-8
and 32 by 2e-10 (48 by 4e-14). Whatever the error, forces are the exact gradient of the energy that is minimised."""


def training_kernels(model: AtomicModel, closest: float) -> list[TrainingKernel[Any]]:
    """Return a kernel for each part of the descriptor.

    closest: A, the shortest distance in the data, or inf where no atom has a neighbour.
    """
    return [
        part.training_kernel(ROOM * min(closest, part.rcut), SIZES.get(part.dtype, SIZES[torch.float64]))
        for part in model.descriptor.parts
    ]
