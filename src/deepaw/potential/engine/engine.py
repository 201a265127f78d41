"""Energies, forces and virials of a trained potential, fast."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from vesin import NeighborList

from deepaw.errors import InputError
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.switch import environment_rows
from deepaw.potential.engine.block import FoldSize, TypeBlock
from deepaw.potential.engine.folding import fitting_basis
from deepaw.potential.engine.precision import EXACT, Budget, find_budget
from deepaw.potential.exact import Evaluation, describe_exactly, evaluate_exactly
from deepaw.potential.model import PotentialModel
from deepaw.potential.neighbours.environment import Environment, nearest_by_type
from deepaw.potential.neighbours.pairs import SAME_PLACE
from deepaw.potential.neighbours.slots import SlotTable, slot_table

COVERED = 0.75
"""A: embeddings are represented down to this distance at once, and further down when it is needed."""

SHORTEST = 0.25
"""A: below this distance embeddings go on as straight lines in s: finite, smooth, and of no meaning."""

TILE_SLOTS = 48_000
"""Slots of neighbours that are worked on together: arrays of that size stay in a processor's cache."""


class PotentialEngine:
    """Evaluates frames in the spectral form, or by the equations where `precision` is `exact` or a part of the
    descriptor has no other.

    precision: float64, float32 or exact. skin: A; neighbour lists reach that much further and are kept until an atom
    has moved by half of it.

    Raises InputError: no such precision.
    """

    def __init__(self, model: PotentialModel, precision: str = "float64", *, skin: float = 0.0) -> None:
        self.precision = precision
        self.model = copy.deepcopy(model).double().requires_grad_(False).eval()
        self._budget = None if precision == EXACT else find_budget(precision)
        self._parts = [part for part in self.model.descriptor.parts if isinstance(part, PairwiseDescriptor)]
        self._is_spectral = all(part.is_spectral for part in self.model.descriptor.parts)
        self._differentiated = self.model
        if self._budget is not None and self._budget.dtype != torch.float64 and not self._is_spectral:
            self._differentiated = copy.deepcopy(self.model)
            for parameter in self._differentiated.parameters():
                parameter.data = parameter.data.to(self._budget.dtype)
        self._list = NeighborList(cutoff=model.rcut, full_list=True, skin=skin, n_threads=torch.get_num_threads())
        self._blocks: list[TypeBlock] = []
        self._shortest = COVERED
        self._warned_short = False

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

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot.
        """
        order = np.argsort(types, kind="stable")
        env, distances = self._environment(coord[order], cell, types[order], periodic)
        self._check_distances(env, distances, order)
        of_frame = None if fparam is None else torch.tensor(fparam).reshape(1, -1).expand(len(order), -1)
        of_atoms = None if aparam is None else torch.from_numpy(aparam[order])
        if self._budget is None or not self._is_spectral:
            with torch.enable_grad():
                result = evaluate_exactly(self._differentiated, env, of_frame, of_atoms)
        else:
            beside = self.model.fitting.parameters_of(len(order), of_frame, of_atoms)
            self._prepare(float(distances.min()) if len(distances) else COVERED, self._budget)
            result = self._evaluate(env, beside, atomic_virial, progress)
        back = torch.from_numpy(np.argsort(order))
        return Evaluation(
            result.energy,
            result.force[back],
            result.virial,
            result.atom_energy[back],
            None if result.atom_virial is None else result.atom_virial[back],
        )

    def descriptors(self, coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray) -> Tensor:
        """(natoms, width), by the equations whatever the precision; arguments and errors as of `evaluate`."""
        order = np.arange(len(types))
        env, distances = self._environment(coord, cell, types, (True, True, True))
        self._check_distances(env, distances, order)
        return describe_exactly(self.model, env)

    def sizes(self) -> list[list[FoldSize]]:
        """For each type of centre and each part of the descriptor; none where the equations are used."""
        if self._budget is None or not self._is_spectral:
            return []
        self._prepare(COVERED, self._budget)
        return [block.sizes for block in self._blocks]

    def _environment(
        self, coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, periodic: Sequence[bool]
    ) -> tuple[Environment, Tensor]:
        """Pairs within the cutoff, and their distances."""
        centre, neighbour, vector = self._list.compute(
            points=np.ascontiguousarray(coord, dtype=np.float64),
            box=np.zeros((3, 3)) if cell is None else np.ascontiguousarray(cell, dtype=np.float64),
            periodic=False if cell is None else np.array(periodic, dtype=bool),
            quantities="ijD",
            copy=False,
        )
        env = Environment(
            torch.from_numpy(np.asarray(types, dtype=np.int64)),
            torch.from_numpy(centre.view(np.int64)),
            torch.from_numpy(neighbour.view(np.int64)),
            torch.from_numpy(vector),
        )
        return env, torch.linalg.vector_norm(env.vector, dim=1)

    def _check_distances(self, env: Environment, distances: Tensor, order: np.ndarray) -> None:
        """order: where each atom was when it was given."""
        if len(distances) == 0 or (shortest := float(distances.min())) >= SHORTEST:
            return
        pair = int(distances.argmin())
        first, second = sorted(int(order[each[pair]]) + 1 for each in (env.centre, env.neighbour))
        if shortest < SAME_PLACE:
            raise InputError(
                f"atoms {first} and {second} are on one spot, perhaps as periodic images; no forces are defined there."
            )
        if not self._warned_short:
            self._warned_short = True
            warnings.warn(
                f"atoms {first} and {second} are {shortest:.3g} A apart; below {SHORTEST:g} A the potential only goes "
                "on smoothly, and its numbers mean nothing",
                stacklevel=3,
            )

    def _tables(self, env: Environment) -> list[SlotTable]:
        """One for each part of the descriptor; they differ only where neighbours beyond `sel` are dropped."""
        env = self.model.visible(env)
        tables: list[SlotTable] = []
        for part in self._parts:
            seen = nearest_by_type(env, part.slots) if self.model.fixed_slots else env
            same = next((table for table in tables if table.env is seen), None)
            tables.append(same or slot_table(seen, part.ntypes))
        return tables

    def _prepare(self, shortest: float, budget: Budget) -> None:
        """Make the blocks so that they cover distances from `shortest` on."""
        if self._blocks and shortest >= self._shortest:
            return
        self._shortest = min(self._shortest, max(0.8 * shortest, SHORTEST)) if shortest < COVERED else COVERED
        nearest = torch.tensor([[self._shortest, 0.0, 0.0]], dtype=torch.float64)
        bases = []
        for part in self._parts:
            config = part.config
            s = environment_rows(nearest, config.rcut_smth, config.rcut, config.env_protection)
            bases.append(fitting_basis(part, float(s[0, 0]), budget.tolerance))
        self._blocks = [
            TypeBlock(self.model, self._parts, kind, bases, budget) for kind in range(len(self.model.type_map))
        ]

    def _evaluate(
        self,
        env: Environment,
        beside: Tensor | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        tables = self._tables(env)
        natoms = env.natoms
        outputs = torch.empty(natoms, dtype=torch.float64)
        force = torch.zeros(3, natoms, dtype=torch.float64)
        virial = torch.zeros(3, 3, dtype=torch.float64)
        atom_virial = torch.zeros(9, natoms, dtype=torch.float64) if atomic_virial else None
        for kind, first, last in self._tiles(env.types, tables):
            energies, pairs = self._blocks[kind](tables, first, last, None if beside is None else beside[first:last])
            outputs[first:last] = energies
            for gradient, vector, neighbour in pairs:
                force[:, first:last] += gradient.sum(2)
                flat, where = gradient.view(3, -1).double(), neighbour.view(-1)
                for axis in range(3):
                    force[axis].index_add_(0, where, flat[axis], alpha=-1)
                virial -= (gradient.view(3, -1) @ vector.view(3, -1).T).double()
                if atom_virial is not None:
                    for row in range(9):
                        of_pairs = flat[row // 3] * vector[row % 3].reshape(-1)
                        atom_virial[row].index_add_(0, where, of_pairs, alpha=-1)
            if progress is not None:
                progress(last, natoms)
        atom_energy = self.model.with_bias(env.types, outputs)
        return Evaluation(
            atom_energy.sum(),
            force.T,
            virial,
            atom_energy,
            None if atom_virial is None else atom_virial.T.reshape(natoms, 3, 3),
        )

    def _tiles(self, types: Tensor, tables: list[SlotTable]) -> Iterator[tuple[int, int, int]]:
        """Type and range of atoms of every tile; atoms are sorted by type."""
        slots = max(1, *(int(table.count.max(dim=0).values.sum()) for table in tables))
        size = max(1, TILE_SLOTS // slots)
        first = 0
        for kind, count in enumerate(torch.bincount(types, minlength=len(self.model.type_map)).tolist()):
            pieces = max(1, -(-count // size))
            edges = [first + count * piece // pieces for piece in range(pieces + 1)]
            yield from ((kind, a, b) for a, b in pairwise(edges) if b > a)
            first += count
