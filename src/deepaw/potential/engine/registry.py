"""The spectral forms of descriptors that the engine knows. A new one is its file and a line here."""

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
"""From a part in float64, the shortest distance to cover (A), the rows of the first layer's weights that are the
part's, (width, outputs) for each type of centre, and a budget: a kernel for each type of centre, or None where no basis
of reasonable size reaches that far."""

KERNELS: dict[type[Descriptor], KernelMaker] = {
    SeE2A: pair_kernels,
    SeE2R: pair_kernels,
    SeAMask: pair_kernels,
    SeAtten: se_atten_kernels,
    SeE3: triple_kernels,
}

ENDING: tuple[type[Descriptor], ...] = (SeE3,)
"""Those whose kernels end at the shortest distance that they cover, and do not go on as straight lines below."""


def is_spectral(part: Descriptor) -> bool:
    """Whether the engine has another way for a part than its equations."""
    return part.is_spectral and type(part) in KERNELS
