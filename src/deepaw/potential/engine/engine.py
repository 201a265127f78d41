"""Fast evaluation of energies, forces and virials of a trained potential."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from deepaw.modelsource import ModelSource
from deepaw.potential.engine.base import Engine
from deepaw.potential.engine.block import EnergyBlock
from deepaw.potential.engine.compiled import CompiledEvaluator, make_compiled_evaluator
from deepaw.potential.engine.frames import Frame, split_evaluation
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.neighbourhood import Neighbourhood, make_neighbourhood, neighbourhood_from_pairs
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
    """Evaluates energies of atoms, forces and virials.

    The contribution of a modifier is part of the energy, force and virial of a frame, but not of the energies and
    virials of atoms.
    """

    def __init__(
        self,
        model: PotentialModel,
        precision: str = "float64",
        *,
        skin: float = 0.0,
        source: ModelSource[PotentialModel] | None = None,
    ) -> None:
        super().__init__(model, precision, skin=skin, source=source)
        modifier = self.model.modifier
        self._long_range = None if modifier is None else LongRange(modifier, precision, skin=skin)
        self._compiled: tuple[list[EnergyBlock], CompiledEvaluator | None] | None = None

    def __copy__(self) -> Self:
        twin = super().__copy__()
        twin._long_range = copy.copy(self._long_range)
        return twin

    @torch.no_grad()
    def evaluate(
        self, frame: Frame, *, atomic_virial: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> Evaluation:
        """Evaluate one frame.

        atomic_virial: whether to compute virials of atoms. progress: called with the numbers of atoms done and of all.

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot; atoms closer than
        the first distance of a table of pair energies; no cell though the model has a modifier.
        """
        evaluation = self._evaluate_atoms(self._sorter.sort_frame(frame), atomic_virial, progress)
        return self._add_long_range(evaluation, frame)

    @torch.no_grad()
    def evaluate_frames(self, frames: Sequence[Frame], *, atomic_virial: bool = False) -> list[Evaluation]:
        """Evaluate several frames of any kind in one call, which is faster for frames of a hundred atoms or less.

        Raises InputError: as `evaluate`, without saying which frame.
        """
        joined = self._evaluate_atoms(self._sorter.sort_frames(frames), True, None)
        evaluations = split_evaluation(joined, [len(frame.types) for frame in frames], atomic_virial)
        return [self._add_long_range(evaluation, frame) for evaluation, frame in zip(evaluations, frames, strict=True)]

    def _add_long_range(self, evaluation: Evaluation, frame: Frame) -> Evaluation:
        if self._long_range is None:
            return evaluation
        long_range = self._long_range.evaluate(frame)
        return replace(
            evaluation,
            energy=evaluation.energy + long_range.energy,
            force=evaluation.force + long_range.force,
            virial=evaluation.virial + long_range.virial,
        )

    def _evaluate_atoms(
        self, atoms: SortedAtoms, atomic_virial: bool, progress: Callable[[int, int], None] | None
    ) -> Evaluation:
        """Evaluate sorted atoms; results are in the order of the frames."""
        mixture, shortest = None, atoms.shortest
        if self.model.interpolation is not None:
            mixture = self._mixture(atoms.env)
            if mixture is not None:  # networks do not count where the weight of the table is 1
                network_distances = atoms.distances.masked_fill(mixture.weight[atoms.env.centre] == 1, torch.inf)
                shortest = atoms.shortest_among(network_distances)
        self._check_distances(shortest)
        if self._ensure_coverage(shortest[0]):
            compiled = self._compiled_evaluator()
            if compiled is not None and atoms.neighbours is not None and atoms.neighbours.handle is not None:
                result = compiled.evaluate(atoms.neighbours, self._parameters(atoms), atomic_virial, progress)
            else:
                neighbourhood = make_neighbourhood(self.model, atoms)
                result = self._evaluate(neighbourhood, self._parameters(atoms), mixture, atomic_virial, progress)
        else:
            with torch.enable_grad():
                result = evaluate_exactly(self._by_equations, atoms.env, atoms.fparam, atoms.aparam)
        original_order = atoms.original_order
        return Evaluation(
            result.energy,
            result.force[original_order],
            result.virial,
            result.atom_energy[original_order],
            None if result.atom_virial is None else result.atom_virial[original_order],
        )

    def _compiled_evaluator(self) -> CompiledEvaluator | None:
        """Return the compiled evaluation of the blocks that are in use, or None if there is none."""
        if self._compiled is None or self._compiled[0] is not self._blocks:
            self._compiled = self._blocks, make_compiled_evaluator(self.model, self._blocks, self.precision)
        return self._compiled[1]

    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> EnergyBlock:
        return EnergyBlock(self.model, kind, kernels, dtype)

    def _deviation(self, trial: Trial) -> float:
        env = trial.env
        parameters = self._average_parameters(env.natoms)
        net_parameters = self.model.fitting.normalised_parameters(env.natoms, *parameters)
        neighbourhood = neighbourhood_from_pairs(self.model, env)
        result = self._evaluate(neighbourhood, net_parameters, self._mixture(env), False, None)
        with torch.enable_grad():
            expected = evaluate_exactly(self.model, env, *parameters)
        return max(trial.deviation(getattr(result, name), getattr(expected, name)) for name in ("atom_energy", "force"))

    def _mixture(self, env: Environment) -> Mixture | None:
        """Return the contribution of the table of pair energies, or None if there is none for these pairs."""
        return None if self.model.interpolation is None else self.model.table_mixture(self.model.visible_pairs(env))

    def _evaluate(
        self,
        neighbourhood: Neighbourhood,
        net_parameters: Tensor | None,
        mixture: Mixture | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        natoms = len(neighbourhood.types)
        outputs = torch.zeros(natoms, dtype=torch.float64)
        progress_counter = Counter(natoms, progress)

        def work(kind: int, tables: list[NeighbourTable], atoms: slice, sums: ForceSums) -> None:
            factor = None if mixture is None else 1 - mixture.weight[atoms]
            energies, gradients = self._blocks[kind](
                tables, None if net_parameters is None else net_parameters[atoms], factor
            )
            outputs[atoms] = energies.double()
            for table, grad_vector in gradients:
                add_forces(table, grad_vector, sums.force, sums.virial, None, sums.atom_virial)
            progress_counter.add(atoms.stop - atoms.start)

        sums = add_up(self._run_tiles(neighbourhood, work, lambda: ForceSums.zeros(natoms, atomic_virial)))
        force, virial, atom_virial = sums.force, sums.virial[0], sums.atom_virial
        atom_energy = self.model.atomic_energies(neighbourhood.types, outputs)
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
