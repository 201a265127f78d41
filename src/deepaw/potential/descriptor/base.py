"""Base class of descriptors, and of their sections in an input file.

How to add a member:
1. One file here with its section (a `DescriptorSection`: its keys in an input file) and its `Descriptor`: `forward`,
   the equations; `statistics` where its rows are normalised by the data. That trains, evaluates and freezes.
2. A line in each table of `registry.py`, and in those of `deepaw.potential.files.descriptors` for DeePMD-kit's files.
3. Where its network has one variable, its spectral twin, tested against `forward`: `training_kernel`, and kernels for
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
from deepaw.potential.descriptor.equations import EquationKernel
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.statistics import NoStatistics, Statistics
from deepaw.potential.neighbours.environment import Environment


class DescriptorSection(Section):
    """Keys of one descriptor.

    Others read of them: type; rcut, A, a field or a property; where there are networks, precision and trainable.
    """

    if TYPE_CHECKING:  # a field, or a property of those that have no such key

        @property
        def rcut(self) -> float:
            """Cutoff, A."""

    @property
    def sections(self) -> tuple[DescriptorSection, ...]:
        """Sections of the parts: this one, unless there are several side by side."""
        return (self,)

    def with_counts(self, found: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """Return the section with numbers for a `sel` that is to be counted; warn where the data exceed `sel`.

        found: statistics of the training data, within `rcut`. Raises InputError: no atom has a neighbour to count.
        """
        return self

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError where lists by type do not fit the number of types."""


class Descriptor(nn.Module, ABC):
    """Environments of atoms as rows of invariant features.

    config: its section. ntypes: number of types of the model. rcut: cutoff, A. width: length of a row.
    sel: neighbours of each type that the normalisation counts with, or one number for all types.
    channels: number of vectors of an atom (`with_vectors`).

    Parameters are those that training changes, all of them or, with `trainable` false, none. Buffers hold statistics
    of the data.
    """

    config: Any
    ntypes: int
    rcut: float
    width: int
    sel: tuple[int, ...]
    channels: int = 0
    drops_farthest: bool = False
    """Whether neighbours beyond `sel` never count, whatever the rule of the model."""

    @property
    def parts(self) -> list[Descriptor]:
        """Descriptors side by side: this one alone, but for a hybrid."""
        return [self]

    @property
    def dtype(self) -> torch.dtype:
        """Numbers of its networks; float64 where it has none."""
        return next((parameter.dtype for parameter in self.parameters()), torch.float64)

    @property
    def is_spectral(self) -> bool:
        """Whether it has a spectral form, and its nets are smooth, so that polynomials converge fast."""
        return False

    def chosen(self, env: Environment) -> Environment:
        """Return the pairs that are left where a model drops neighbours beyond `sel`; the same object if all are."""
        return env

    def keeps(self, counts: Tensor) -> bool:
        """Whether `chosen` keeps all pairs of atoms with so many neighbours of each type, (natoms, ntypes)."""
        return True

    @property
    def shares_nets(self) -> bool:
        """Whether rows include the type of the atom, so that one fitting net serves all types."""
        return False

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """Rows (natoms, width) by the equations, pair by pair; differentiable twice in env.vector and in the weights.

        env: pairs within rcut, and perhaps others, which are passed over. Of neighbours only type and vector are used,
        so that one atom may stand for all neighbours of a type. Vectors are float64, rows in `dtype`.
        """

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """Rows of `forward`, and vectors (natoms, channels, 3) that rotate with the environment.

        Tensors of atoms are made of these. A descriptor of distances alone has none.
        """
        raise NotImplementedError

    def evaluations(self, env: Environment) -> Tensor:
        """Number of network evaluations in `forward` for each atom, about, (natoms,) int64; by default one a pair."""
        return torch.bincount(env.centre, minlength=env.natoms)

    def statistics(self) -> Statistics:
        """Statistics that set the scale of its rows; by default there are none."""
        return NoStatistics()

    def training_kernel(self, closest: float, polynomials: int) -> TrainingKernel[Any]:
        """Return how training computes it; by default by the equations.

        closest: A, the shortest distance that occurs. polynomials: size of a spectral basis, where it has one.
        """
        return EquationKernel()
