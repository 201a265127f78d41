"""What every descriptor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

from deepaw.potential.neighbours.environment import Environment

if TYPE_CHECKING:
    from deepaw.potential.descriptor.pairwise import PairwiseDescriptor


class Descriptor(nn.Module, ABC):
    """Environments of atoms as rows of invariant features.

    rcut: A, how far it looks. width: of its rows. sel: neighbours of each type that its normalisation counts with.
    """

    rcut: float
    width: int
    sel: tuple[int, ...]

    @property
    @abstractmethod
    def parts(self) -> list[PairwiseDescriptor]:
        """What it is made of: itself, unless it is several side by side."""

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """The reference: equations per pair, (natoms, width), differentiable in env.vector and in the weights.

        env: pairs within rcut, and perhaps others, which are passed over.
        """
