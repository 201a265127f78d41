"""Energies, forces and virials of a trained potential, fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.engine.base import COVERED, Engine, scatter
from deepaw.potential.engine.block import EnergyBlock
from deepaw.potential.engine.frames import Frame, divided, joined
from deepaw.potential.engine.kernel import Kernel
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
        self,
        coord: np.ndarray,
        cell: np.ndarray | None,
        types: np.ndarray,
        *,
        periodic: Sequence[bool] = (True, True, True),
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        atomic_virial: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Evaluation:
        """One frame.

        coord: (natoms, 3), A. cell: (3, 3), A, or None without periodicity. types: (natoms,), indices into the
        model's type map. periodic: along which cell vectors. fparam: (numb_fparam,). aparam: (natoms, numb_aparam).
        atomic_virial: whether those of atoms are wanted. progress: called with the atoms done and all of them.

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot; atoms nearer than
        a table of pair energies begins; no cell though there is a modifier.
        """
        order = np.argsort(types, kind="stable")
        sorted_aparam = None if aparam is None else aparam[order]
        env, distances = self._environment(coord[order], cell, types[order], periodic, sorted_aparam)
        self._check_places(env, distances, order)
        of_frame = None if fparam is None else torch.tensor(fparam).reshape(1, -1).expand(len(order), -1)
        of_atoms = None if sorted_aparam is None else torch.from_numpy(sorted_aparam)
        found = self._in_order(env, distances, order, of_frame, of_atoms, atomic_virial, progress)
        return self._with_long_range(found, coord, cell, types, periodic)

    @torch.no_grad()
    def evaluate_frames(self, frames: Sequence[Frame], *, atomic_virial: bool = False) -> list[Evaluation]:
        """Several frames at once, which may differ in everything; for small ones, a hundred atoms or less.

        Raises InputError: as `evaluate`, without saying which frame.
        """
        environments, distances = [], []
        for frame in frames:
            env, lengths = self._environment(frame.coord, frame.cell, frame.types, frame.periodic, frame.aparam)
            self._check_places(env, lengths, np.arange(env.natoms))
            # neighbour lists are lent until the next one is made
            environments.append(replace(env, **{n: getattr(env, n).clone() for n in ("centre", "neighbour", "vector")}))
            distances.append(lengths)
        sizes = [env.natoms for env in environments]
        order = np.argsort(np.concatenate([frame.types for frame in frames]), kind="stable")
        back = torch.from_numpy(order)
        of_frames = [
            torch.tensor(frame.fparam).reshape(1, -1).expand(len(frame.types), -1)
            for frame in frames
            if frame.fparam is not None
        ]
        of_atoms = [torch.from_numpy(frame.aparam) for frame in frames if frame.aparam is not None]
        found = self._in_order(
            joined(environments, order),
            torch.cat(distances),
            order,
            torch.cat(of_frames)[back] if of_frames else None,
            torch.cat(of_atoms)[back] if of_atoms else None,
            True,
            None,
        )
        return [
            self._with_long_range(each, frame.coord, frame.cell, frame.types, frame.periodic)
            for each, frame in zip(divided(found, sizes, atomic_virial), frames, strict=True)
        ]

    def _with_long_range(
        self,
        found: Evaluation,
        coord: np.ndarray,
        cell: np.ndarray | None,
        types: np.ndarray,
        periodic: Sequence[bool],
    ) -> Evaluation:
        if self._long_range is None:
            return found
        more = self._long_range.evaluate(coord, cell, types, periodic)
        return replace(
            found,
            energy=found.energy + more.energy,
            force=found.force + more.force,
            virial=found.virial + more.virial,
        )

    def _in_order(
        self,
        env: Environment,
        distances: Tensor,
        order: np.ndarray,
        of_frame: Tensor | None,
        of_atoms: Tensor | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        """Of atoms sorted by type, in the order that they had: atom i was atom order[i]."""
        mixture = self._mixture(env, distances)
        if mixture is not None:  # networks do not count where the table alone holds
            distances = distances.masked_fill(mixture.weight[env.centre] == 1, torch.inf)
        self._check_distances(env, distances, order)
        shortest = float(distances.min()) if len(distances) else COVERED
        if self._budget is not None and self._prepare(shortest, self._budget):
            beside = self.model.fitting.parameters_of(len(order), of_frame, of_atoms)
            result = self._evaluate(env, beside, mixture, atomic_virial, progress)
        else:
            with torch.enable_grad():
                result = evaluate_exactly(self._by_equations, env, of_frame, of_atoms)
        back = torch.from_numpy(np.argsort(order))
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
