"""How training computes a descriptor: what follows from positions alone once, and the rest in every step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment


class Geometry(ABC):
    """What of some atoms depends on positions alone; atoms sorted by type."""

    @property
    @abstractmethod
    def natoms(self) -> int:
        """How many atoms it is of."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory it takes."""

    @property
    @abstractmethod
    def variables(self) -> Tensor:
        """What rows are computed from, and the derivative of the energy is wanted in."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same on a device."""

    @abstractmethod
    def share(self, first: int, last: int) -> Self:
        """Atoms first ... last - 1 with their neighbours, which are numbered as before."""

    @classmethod
    @abstractmethod
    def join(cls, geometries: Sequence[Self], pieces: Sequence[tuple[int, slice]], moved: Sequence[Tensor]) -> Self:
        """Several frames as one.

        pieces: (frame, its atoms), in the order that the atoms shall have. moved: for each frame, where its atoms are
        then.
        """


class Form(ABC):
    """One way to compute the descriptors of one kind; it holds no weights.

    together: atoms whose graph is kept at a time, or None for all; the others' are made anew on the way back.
    """

    together: int | None = None

    @abstractmethod
    def prepare(self, part: Any, env: Environment) -> Geometry:
        """env: atoms of one frame, sorted by type, and pairs that the model sees, in float64, on the CPU."""

    @abstractmethod
    def rows(self, part: Any, geometry: Any, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Rows (n, width) of the atoms of each type, n = counts[type], (0, width) or anything where that is 0.

        Differentiable in the variables, which have the values of geometry.variables, and in the part's weights; where
        `forces` differentiates no further, once in the variables is enough.
        """

    def rows_and_vectors(
        self, part: Any, geometry: Any, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        """Rows as of `rows`, and vectors (n, channels, 3) beside them, for a part that has some."""
        raise NotImplementedError

    @abstractmethod
    def forces(
        self, geometry: Any, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int
    ) -> tuple[Tensor, Tensor | None]:
        """Forces (natoms, 3), eV/A, and virials (nframes, 3, 3), eV, of energies with dE/d(variables) = gradient.

        Differentiable in the gradient. frame: (geometry.natoms,), the frame of each atom, or None if virials are not
        asked for. first, natoms: where the atoms of the geometry begin among all, for a share of them.
        """
