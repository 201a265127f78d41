"""What every descriptor is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from deepaw.potential.neighbours.environment import Environment


class Descriptor(nn.Module, ABC):
    """Environments of atoms as rows of invariant features.

    rcut: A, how far it looks. width: of its rows. sel: neighbours of each type that its normalisation counts with.
    """

    rcut: float
    width: int
    sel: tuple[int, ...]

    @property
    def parts(self) -> list[Descriptor]:
        """What it is made of: itself, unless it is several side by side."""
        return [self]

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """The reference: equations per pair, (natoms, width), differentiable in env.vector and in the weights.

        env: pairs within rcut, and perhaps others, which are passed over.
        """
