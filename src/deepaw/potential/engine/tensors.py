"""Fast evaluation of dipoles and polarizabilities of a trained model and of their derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.engine.base import Engine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.neighbourhood import Neighbourhood, make_neighbourhood, neighbourhood_from_pairs
from deepaw.potential.engine.sums import ForceSums, add_up
from deepaw.potential.engine.tensor_block import TensorBlock
from deepaw.potential.engine.trial import Trial
from deepaw.potential.exact_tensors import TensorEvaluation, evaluate_tensors_exactly
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.forces import add_forces


class TensorEngine(Engine[TensorModel, TensorBlock]):
    """Evaluates tensors of atoms, and derivatives of weighted sums of them."""

    @torch.no_grad()
    def evaluate(
        self, frame: Frame, *, weights: np.ndarray | None = None, atomic_virial: bool = False
    ) -> TensorEvaluation:
        """Evaluate one frame.

        weights: (nsums, natoms, *shape), of the sums to differentiate (`TensorEvaluation`). atomic_virial: whether to
        compute virials of atoms.

        Raises InputError: parameters that are missing or of the wrong number; two atoms on one spot.
        """
        atoms = self._sorter.sort_frame(frame)
        self._check_distances(atoms.shortest)
        sums = torch.zeros(0, atoms.natoms, *self.model.shape, dtype=torch.float64)
        if weights is not None:
            sums = torch.from_numpy(np.ascontiguousarray(weights[:, atoms.order], dtype=np.float64))
        if self._ensure_coverage(atoms.shortest[0]):
            neighbourhood = make_neighbourhood(self.model, atoms)
            result = self._evaluate(neighbourhood, self._parameters(atoms), sums, atomic_virial)
        else:
            with torch.enable_grad():
                result = evaluate_tensors_exactly(self._by_equations, atoms.env, atoms.fparam, atoms.aparam, sums)
        original_order = atoms.original_order
        return TensorEvaluation(
            result.atom_tensor[original_order],
            result.force[:, original_order],
            result.virial,
            None if result.atom_virial is None else result.atom_virial[:, original_order],
        )

    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> TensorBlock:
        return TensorBlock(self.model, kind, kernels, dtype)

    def _deviation(self, trial: Trial) -> float:
        env, model = trial.env, self.model
        parameters = self._average_parameters(env.natoms)
        random = torch.Generator().manual_seed(0)
        weights = torch.randn(1, env.natoms, *model.shape, generator=random, dtype=torch.float64)
        net_parameters = model.fitting.normalised_parameters(env.natoms, *parameters)
        evaluation = self._evaluate(neighbourhood_from_pairs(model, env), net_parameters, weights, False)
        with torch.enable_grad():
            expected = evaluate_tensors_exactly(model, env, *parameters, weights)
        return max(
            trial.deviation(evaluation.atom_tensor, expected.atom_tensor),
            trial.deviation(evaluation.force[0], expected.force[0]),
        )

    def _evaluate(
        self, neighbourhood: Neighbourhood, net_parameters: Tensor | None, weights: Tensor, atomic_virial: bool
    ) -> TensorEvaluation:
        natoms = len(neighbourhood.types)
        tensors = torch.zeros(natoms, *self.model.shape, dtype=torch.float64)

        def work(kind: int, tables: list[NeighbourTable], atoms: slice, sums: list[ForceSums]) -> None:
            parameters = None if net_parameters is None else net_parameters[atoms]
            tensors[atoms], derivatives = self._blocks[kind](tables, parameters, weights[:, atoms])
            for gradients, weighted_sum in zip(derivatives, sums, strict=True):
                for table, grad_vector in gradients:
                    add_forces(
                        table, grad_vector, weighted_sum.force, weighted_sum.virial, None, weighted_sum.atom_virial
                    )

        shares = self._run_tiles(
            neighbourhood, work, lambda: [ForceSums.zeros(natoms, atomic_virial) for _ in range(len(weights))]
        )
        totals = [add_up(parts) for parts in zip(*shares, strict=True)]

        def stacked(values: Sequence[Tensor], *shape: int) -> Tensor:
            return torch.stack(list(values)) if totals else torch.zeros(0, *shape, dtype=torch.float64)

        atom_virials = [total.atom_virial for total in totals if total.atom_virial is not None]
        return TensorEvaluation(
            tensors,
            stacked([total.force for total in totals], natoms, 3),
            stacked([total.virial[0] for total in totals], 3, 3),
            stacked(atom_virials, natoms, 3, 3) if atomic_virial else None,
        )
