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
    channels: vectors of an atom (`with_vectors`).
    """

    rcut: float
    width: int
    sel: tuple[int, ...]
    channels: int = 0

    @property
    @abstractmethod
    def parts(self) -> list[PairwiseDescriptor]:
        """What it is made of: itself, unless it is several side by side."""

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """The reference: equations per pair, (natoms, width), differentiable in env.vector and in the weights.

        env: pairs within rcut, and perhaps others, which are passed over.
        """

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """The rows of `forward`, and vectors (natoms, channels, 3) that turn as the environment does.

        What tensors of atoms are made of. A descriptor of distances alone has none, and no such method.
        """
        raise NotImplementedError
