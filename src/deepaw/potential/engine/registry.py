"""Spectral forms of descriptors in the engine. A new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.se_a_mask import SeAMask
from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.se_e2_r import SeE2R
from deepaw.potential.descriptor.se_e3 import SeE3
from deepaw.potential.engine.attention import se_atten_kernels
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.pairs import pair_kernels
from deepaw.potential.engine.precision import Budget
from deepaw.potential.engine.triples import triple_kernels

KernelMaker = Callable[[Any, float, Sequence[Tensor], Budget], list[Kernel] | None]
"""Function that makes the kernels of a part of a descriptor.

Arguments: the part in float64; the shortest distance to cover, A; the rows of the first layer's weights for the part,
(width, outputs), for each type of centre; the budget. Returns a kernel for each type of centre, or None if no basis of
reasonable size covers that distance.
"""

KERNELS: dict[type[Descriptor], KernelMaker] = {
    SeE2A: pair_kernels,
    SeE2R: pair_kernels,
    SeAMask: pair_kernels,
    SeAtten: se_atten_kernels,
    SeE3: triple_kernels,
}

ENDS_AT_SHORTEST: tuple[type[Descriptor], ...] = (SeE3,)
"""Descriptors whose kernels are not continued below the shortest distance that they cover."""


def is_spectral(part: Descriptor) -> bool:
    """Whether the engine has a spectral form for a part."""
    return part.is_spectral and type(part) in KERNELS
