"""What every descriptor is.

How to add a member:
1. One file here with its section (a `DescriptorSection`: its keys in an input file) and its `Descriptor`: `forward`,
   the equations; `statistics` where its rows are normalised by the data. That trains, evaluates and freezes.
2. A line in each table of `registry.py`, and in those of `deepaw.potential.files.descriptors` for DeePMD-kit's files.
3. Where its network has one variable, its spectral twin, tested against `forward`: `form` for training, and kernels for
   the engine, with a line in `deepaw.potential.engine.registry`.
4. `PotentialPhysics` of the tests inherited, reference models of DeePMD-kit, an example input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from deepaw.inputfile import Section
from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.differentiated import DifferentiatedForm
from deepaw.potential.descriptor.form import Form
from deepaw.potential.descriptor.statistics import NoStatistics, Statistics
from deepaw.potential.neighbours.environment import Environment


class DescriptorSection(Section):
    """The keys of one descriptor.

    What others read of them: type; rcut, A, a field or a property; where there are networks, precision and trainable.
    """

    if TYPE_CHECKING:  # a field, or a property of those that have no such key

        @property
        def rcut(self) -> float:
            """A, how far it looks."""

    @property
    def sections(self) -> tuple[DescriptorSection, ...]:
        """Of what it is made of: itself, unless it is several side by side."""
        return (self,)

    def with_counts(self, found: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """With numbers for a `sel` that is to be counted; warns where `sel` is exceeded, and how is up to the member.

        found: of the training data, within `rcut`. Raises InputError: no atom has a neighbour to count.
        """
        return self

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError where lists by type do not fit the number of types."""


class Descriptor(nn.Module, ABC):
    """Environments of atoms as rows of invariant features.

    config: its section. ntypes: of the model. rcut: A, how far it looks. width: of its rows. sel: neighbours of each
    type that its normalisation counts with, or one number for all types. channels: vectors of an atom (`with_vectors`).

    Parameters are those that training changes, all of them or, with `trainable` false, none. Buffers hold what is taken
    from the data.
    """

    config: Any
    ntypes: int
    rcut: float
    width: int
    sel: tuple[int, ...]
    channels: int = 0
    drops_farthest: bool = False
    """Whether what neighbours there are beyond `sel` does not count, whatever the rule of the model."""

    @property
    def parts(self) -> list[Descriptor]:
        """What it is made of: itself, unless it is several side by side."""
        return [self]

    @property
    def dtype(self) -> torch.dtype:
        """Of its networks; float64 where it has none."""
        return next((parameter.dtype for parameter in self.parameters()), torch.float64)

    @property
    def is_spectral(self) -> bool:
        """Whether there is a spectral form of it, and polynomials converge to its nets fast."""
        return False

    def chosen(self, env: Environment) -> Environment:
        """The pairs that are left where a model drops neighbours beyond `sel`; the same environment if all are."""
        return env

    @property
    def shares_nets(self) -> bool:
        """Whether its rows say of which type an atom is, so that one fitting net serves all types."""
        return False

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """The reference: equations per pair, (natoms, width), differentiable twice in env.vector and in the weights.

        env: pairs within rcut, and perhaps others, which are passed over. Of neighbours only type and vector are used,
        so that one atom may stand for all neighbours of a type. Vectors are float64, rows in `dtype`.
        """

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """The rows of `forward`, and vectors (natoms, channels, 3) that turn as the environment does.

        What tensors of atoms are made of. A descriptor of distances alone has none, and no such method.
        """
        raise NotImplementedError

    def evaluations(self, env: Environment) -> Tensor:
        """About how often its networks run in `forward`, for each atom: (natoms,) int64; by default for every pair."""
        return torch.bincount(env.centre, minlength=env.natoms)

    def statistics(self) -> Statistics:
        """What takes the scale of its rows from the data and sets it; by default there is none."""
        return NoStatistics()

    def form(self, closest: float, polynomials: int) -> Form:
        """How training computes it; by default by the equations.

        closest: A, the shortest distance that occurs. polynomials: of a spectral basis, where it has one.
        """
        return DifferentiatedForm()
