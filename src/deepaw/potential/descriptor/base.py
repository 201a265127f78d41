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

    Keys that other modules read: type; rcut, A, a field or a property; with networks, precision and trainable.
    """

    if TYPE_CHECKING:  # a field, or a property where there is no such key

        @property
        def rcut(self) -> float:
            """Cutoff, A."""

    @property
    def sections(self) -> tuple[DescriptorSection, ...]:
        """Sections of the parts of a hybrid, or this section alone."""
        return (self,)

    def with_counts(self, statistics: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """Return the section with numbers in place of `sel: auto`; warn where the data exceed `sel`.

        statistics: neighbours in the training data, within `rcut`. Raises InputError: no atom has a neighbour to count.
        """
        return self

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError where lists by type do not fit the number of types."""


class Descriptor(nn.Module, ABC):
    """Map from environments of atoms to rows of invariant features.

    config: its section. ntypes: number of types of the model. rcut: cutoff, A. width: length of a row.
    sel: number of neighbours of each type in the normalisation, or one number for all types.
    channels: number of vectors of an atom (`with_vectors`).

    Parameters are changed by training, all of them or, with `trainable` false, none. Buffers hold statistics of the
    data.
    """

    config: Any
    ntypes: int
    rcut: float
    width: int
    sel: tuple[int, ...]
    channels: int = 0
    drops_farthest: bool = False
    """Whether neighbours beyond `sel` are always dropped, also by models without `fixed_slots`."""

    @property
    def parts(self) -> list[Descriptor]:
        """Parts of a hybrid, or this descriptor alone."""
        return [self]

    @property
    def dtype(self) -> torch.dtype:
        """Type of numbers of the networks; float64 without networks."""
        return next((parameter.dtype for parameter in self.parameters()), torch.float64)

    @property
    def is_spectral(self) -> bool:
        """Whether there is a spectral form and nets are smooth, so that polynomials converge fast."""
        return False

    def select_neighbours(self, env: Environment) -> Environment:
        """Return the pairs without neighbours beyond `sel`, if the model drops these; env itself if none is."""
        return env

    def keeps_all(self, counts: Tensor) -> bool:
        """Whether `select_neighbours` drops no pair; counts: number of neighbours of each type, (natoms, ntypes)."""
        return True

    @property
    def shares_nets(self) -> bool:
        """Whether rows include the type of the atom, so that one fitting net serves all types."""
        return False

    @abstractmethod
    def forward(self, env: Environment) -> Tensor:
        """Compute rows (natoms, width) by the equations, pair by pair.

        Differentiable twice in env.vector and in the weights. env: pairs within rcut; pairs beyond are ignored. Only
        types and vectors of neighbours are used, so that one atom may stand for all neighbours of a type. Vectors are
        float64, rows in `dtype`.
        """

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """Compute the rows of `forward`, and vectors (natoms, channels, 3) that rotate with the environment.

        Atomic tensors are computed from these. A descriptor of distances alone has none.
        """
        raise NotImplementedError

    def evaluations(self, env: Environment) -> Tensor:
        """Estimate the network evaluations of `forward` for each atom, (natoms,) int64; by default one per pair."""
        return torch.bincount(env.centre, minlength=env.natoms)

    def statistics(self) -> Statistics:
        """Return the statistics that set the scale of rows; by default there is no scale."""
        return NoStatistics()

    def training_kernel(self, closest: float, polynomials: int) -> TrainingKernel[Any]:
        """Return the kernel that training computes rows with; by default the equations.

        closest: A, the shortest distance in the data. polynomials: size of the spectral basis, if the kernel has one.
        """
        return EquationKernel()
