"""Dipoles and polarizabilities of a trained model and their derivatives, fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.engine.base import Engine, scatter
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.tensor_block import TensorBlock
from deepaw.potential.engine.trial import Trial
from deepaw.potential.exact_tensors import TensorEvaluation, evaluate_tensors_exactly
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.environment import Environment


class TensorEngine(Engine[TensorModel, TensorBlock]):
    """Tensors of atoms, and derivatives of weighted sums of them."""

    @torch.no_grad()
    def evaluate(
        self, frame: Frame, *, weights: np.ndarray | None = None, atomic_virial: bool = False
    ) -> TensorEvaluation:
        """One frame; `TensorEvaluation` says what the derivatives are.

        weights: (nsums, natoms, *shape), the sums whose derivatives are wanted. atomic_virial: whether virials of atoms
        are, too.

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot.
        """
        atoms = self._sorter.of_frame(frame)
        self._check_distances(atoms)
        sums = torch.zeros(0, atoms.env.natoms, *self.model.shape, dtype=torch.float64)
        if weights is not None:
            sums = torch.from_numpy(np.ascontiguousarray(weights[:, atoms.order], dtype=np.float64))
        if self._covers(atoms.distances):
            result = self._evaluate(atoms.env, self._parameters(atoms), sums, atomic_virial)
        else:
            with torch.enable_grad():
                result = evaluate_tensors_exactly(self._by_equations, atoms.env, atoms.fparam, atoms.aparam, sums)
        back = atoms.back
        return TensorEvaluation(
            result.atom_tensor[back],
            result.force[:, back],
            result.virial,
            None if result.atom_virial is None else result.atom_virial[:, back],
        )

    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> TensorBlock:
        return TensorBlock(self.model, kind, kernels, dtype)

    def _deviation(self, trial: Trial) -> float:
        env, model = trial.env, self.model
        parameters = self._average_parameters(env.natoms)
        random = torch.Generator().manual_seed(0)
        weights = torch.randn(1, env.natoms, *model.shape, generator=random, dtype=torch.float64)
        found = self._evaluate(env, model.fitting.parameters_of(env.natoms, *parameters), weights, False)
        with torch.enable_grad():
            expected = evaluate_tensors_exactly(model, env, *parameters, weights)
        return max(
            trial.deviation(found.atom_tensor, expected.atom_tensor), trial.deviation(found.force[0], expected.force[0])
        )

    def _evaluate(
        self, env: Environment, beside: Tensor | None, weights: Tensor, atomic_virial: bool
    ) -> TensorEvaluation:
        tables = self._tables(env)
        natoms, nsums = env.natoms, len(weights)
        tensors = torch.zeros(natoms, *self.model.shape, dtype=torch.float64)
        force = torch.zeros(nsums, 3, natoms, dtype=torch.float64)
        virial = torch.zeros(nsums, 3, 3, dtype=torch.float64)
        atom_virial = torch.zeros(nsums, 9, natoms, dtype=torch.float64) if atomic_virial else None
        for kind, first, last in self._tiles(env.types, tables):
            if self.model.contributes[kind] == 0:
                continue
            parameters = None if beside is None else beside[first:last]
            found, derivatives = self._blocks[kind](tables, first, last, parameters, weights[:, first:last])
            tensors[first:last] = found
            for number, pairs in enumerate(derivatives):
                of_atoms = None if atom_virial is None else atom_virial[number]
                scatter(pairs, slice(first, last), force[number], virial[number], of_atoms)
        return TensorEvaluation(
            tensors,
            force.transpose(1, 2),
            virial,
            None if atom_virial is None else atom_virial.transpose(1, 2).reshape(nsums, natoms, 3, 3),
        )
