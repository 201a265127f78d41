"""Energies, forces and virials of a trained potential, fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from deepaw.potential.engine.base import Engine, scatter
from deepaw.potential.engine.block import EnergyBlock
from deepaw.potential.engine.frames import Frame, divided
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.sorting import SortedAtoms
from deepaw.potential.engine.trial import Trial
from deepaw.potential.exact import Evaluation, evaluate_exactly
from deepaw.potential.longrange.evaluation import LongRange
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
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
        """In the order that the atoms had."""
        env, distances = atoms.env, atoms.distances
        mixture = self._mixture(env, distances)
        if mixture is not None:  # networks do not count where the table alone holds
            distances = distances.masked_fill(mixture.weight[env.centre] == 1, torch.inf)
        self._check_distances(replace(atoms, distances=distances))
        if self._covers(distances):
            result = self._evaluate(env, self._parameters(atoms), mixture, atomic_virial, progress)
        else:
            with torch.enable_grad():
                result = evaluate_exactly(self._by_equations, env, atoms.fparam, atoms.aparam)
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
        mixture = self._mixture(env, torch.linalg.vector_norm(env.vector, dim=1))
        found = self._evaluate(env, beside, mixture, False, None)
        with torch.enable_grad():
            expected = evaluate_exactly(self.model, env, *parameters)
        return max(trial.deviation(getattr(found, name), getattr(expected, name)) for name in ("atom_energy", "force"))

    def _mixture(self, env: Environment, distances: Tensor) -> Mixture | None:
        """What a table of pair energies adds."""
        if self.model.interpolation is None:
            return None
        visible = self.model.visible(env)
        return self.model.mixture(visible, distances if visible is env else None)

    def _evaluate(
        self,
        env: Environment,
        beside: Tensor | None,
        mixture: Mixture | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        tables = self._tables(env)
        natoms = env.natoms
        outputs = torch.zeros(natoms, dtype=torch.float64)
        force = torch.zeros(3, natoms, dtype=torch.float64)
        virial = torch.zeros(3, 3, dtype=torch.float64)
        atom_virial = torch.zeros(9, natoms, dtype=torch.float64) if atomic_virial else None
        for kind, first, last in self._tiles(env.types, tables):
            if self.model.contributes[kind] == 0:
                continue
            energies, pairs = self._blocks[kind](tables, first, last, None if beside is None else beside[first:last])
            outputs[first:last] = energies
            if mixture is not None:
                rest = 1 - mixture.weight[first:last, None]
                pairs = [(of_net * rest.to(of_net), vector, neighbour) for of_net, vector, neighbour in pairs]
            scatter(pairs, slice(first, last), force, virial, atom_virial)
            if progress is not None:
                progress(last, natoms)
        atom_energy = self.model.with_bias(env.types, outputs)
        if mixture is not None:
            shift = self.model.table_shift(env.types)
            of_pairs = mixture.gradient(atom_energy, shift)
            atom_energy = mixture.energies(atom_energy, shift)
            force += mixture.forces(of_pairs).T
            of_atoms = mixture.virials(of_pairs, mixture.neighbour, natoms)
            virial += of_atoms.sum(0)
            if atom_virial is not None:
                atom_virial += of_atoms.view(natoms, 9).T
        return Evaluation(
            atom_energy.sum(),
            force.T,
            virial,
            atom_energy,
            None if atom_virial is None else atom_virial.T.reshape(natoms, 3, 3),
        )
