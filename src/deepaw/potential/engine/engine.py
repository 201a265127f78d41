"""Energies, forces and virials of a trained potential, fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from deepaw.potential.engine.base import Engine
from deepaw.potential.engine.block import EnergyBlock
from deepaw.potential.engine.frames import Frame, divided
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.neighbourhood import Neighbourhood, neighbourhood_of, neighbourhood_of_pairs
from deepaw.potential.engine.sorting import SortedAtoms
from deepaw.potential.engine.sums import Counter, ForceSums, add_up
from deepaw.potential.engine.trial import Trial
from deepaw.potential.exact import Evaluation, evaluate_exactly
from deepaw.potential.longrange.evaluation import LongRange
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.forces import add_forces
from deepaw.potential.shortrange.mixture import Mixture


class PotentialEngine(Engine[PotentialModel, EnergyBlock]):
    """Energies of atoms, forces and virials.

    What a modifier adds is part of the energy, force and virial of a frame, not of the energies and virials of atoms.
    """

    def __init__(self, model: PotentialModel, precision: str = "float64", *, skin: float = 0.0) -> None:
        super().__init__(model, precision, skin=skin)
        modifier = self.model.modifier
        self._long_range = None if modifier is None else LongRange(modifier, precision, skin=skin)

    @torch.no_grad()
    def evaluate(
        self, frame: Frame, *, atomic_virial: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> Evaluation:
        """One frame.

        atomic_virial: whether virials of atoms are wanted. progress: called with the atoms done and all of them.

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot; atoms nearer than
        a table of pair energies begins; no cell though there is a modifier.
        """
        found = self._of_atoms(self._sorter.of_frame(frame), atomic_virial, progress)
        return self._with_long_range(found, frame)

    @torch.no_grad()
    def evaluate_frames(self, frames: Sequence[Frame], *, atomic_virial: bool = False) -> list[Evaluation]:
        """Several frames at once, which may differ in everything; for small ones, a hundred atoms or less.

        Raises InputError: as `evaluate`, without saying which frame.
        """
        found = self._of_atoms(self._sorter.of_frames(frames), True, None)
        alone = divided(found, [len(frame.types) for frame in frames], atomic_virial)
        return [self._with_long_range(each, frame) for each, frame in zip(alone, frames, strict=True)]

    def _with_long_range(self, found: Evaluation, frame: Frame) -> Evaluation:
        if self._long_range is None:
            return found
        more = self._long_range.evaluate(frame)
        return replace(
            found,
            energy=found.energy + more.energy,
            force=found.force + more.force,
            virial=found.virial + more.virial,
        )

    def _of_atoms(
        self, atoms: SortedAtoms, atomic_virial: bool, progress: Callable[[int, int], None] | None
    ) -> Evaluation:
        """Evaluate sorted atoms; results are in the order that the atoms had."""
        mixture, shortest = None, atoms.shortest
        if self.model.interpolation is not None:
            mixture = self._mixture(atoms.env)
            if mixture is not None:  # networks do not count where the table alone holds
                counted = atoms.distances.masked_fill(mixture.weight[atoms.env.centre] == 1, torch.inf)
                shortest = atoms.shortest_of(counted)
        self._check_distances(shortest)
        if self._covers(shortest[0]):
            neighbourhood = neighbourhood_of(self.model, atoms)
            result = self._evaluate(neighbourhood, self._parameters(atoms), mixture, atomic_virial, progress)
        else:
            with torch.enable_grad():
                result = evaluate_exactly(self._by_equations, atoms.env, atoms.fparam, atoms.aparam)
        back = atoms.back
        return Evaluation(
            result.energy,
            result.force[back],
            result.virial,
            result.atom_energy[back],
            None if result.atom_virial is None else result.atom_virial[back],
        )

    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> EnergyBlock:
        return EnergyBlock(self.model, kind, kernels, dtype)

    def _deviation(self, trial: Trial) -> float:
        env = trial.env
        parameters = self._average_parameters(env.natoms)
        beside = self.model.fitting.parameters_of(env.natoms, *parameters)
        neighbourhood = neighbourhood_of_pairs(self.model, env)
        result = self._evaluate(neighbourhood, beside, self._mixture(env), False, None)
        with torch.enable_grad():
            expected = evaluate_exactly(self.model, env, *parameters)
        return max(trial.deviation(getattr(result, name), getattr(expected, name)) for name in ("atom_energy", "force"))

    def _mixture(self, env: Environment) -> Mixture | None:
        """What a table of pair energies adds, if the model has one and it matters for these pairs."""
        return None if self.model.interpolation is None else self.model.mixture(self.model.visible(env))

    def _evaluate(
        self,
        neighbourhood: Neighbourhood,
        beside: Tensor | None,
        mixture: Mixture | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        natoms = len(neighbourhood.types)
        outputs = torch.zeros(natoms, dtype=torch.float64)
        done = Counter(natoms, progress)

        def work(kind: int, tables: list[NeighbourTable], atoms: slice, sums: ForceSums) -> None:
            factor = None if mixture is None else 1 - mixture.weight[atoms]
            energies, gradients = self._blocks[kind](tables, None if beside is None else beside[atoms], factor)
            outputs[atoms] = energies.double()
            for table, grad_vector in gradients:
                add_forces(table, grad_vector, sums.force, sums.virial, None, sums.atom_virial)
            done.add(atoms.stop - atoms.start)

        sums = add_up(self._each_tile(neighbourhood, work, lambda: ForceSums.zeros(natoms, atomic_virial)))
        force, virial, atom_virial = sums.force, sums.virial[0], sums.atom_virial
        atom_energy = self.model.with_bias(neighbourhood.types, outputs)
        if mixture is not None:
            shift = self.model.table_shift(neighbourhood.types)
            grad_pairs = mixture.gradient(atom_energy, shift)
            atom_energy = mixture.energies(atom_energy, shift)
            force += mixture.forces(grad_pairs)
            neighbour_virials = mixture.virials(grad_pairs, mixture.neighbour, natoms)
            virial = virial + neighbour_virials.sum(0)
            if atom_virial is not None:
                atom_virial += neighbour_virials
        return Evaluation(atom_energy.sum(), force, virial, atom_energy, atom_virial)
