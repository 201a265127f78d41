"""Written passes of a model for a share of a batch's atoms: from neighbours to energies and forces, and backward."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.descriptor.contraction import Columns, ContractionPasses
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.network.passes import NetPasses
from deepaw.potential.pairs.forces import add_forces, transpose_forces
from deepaw.potential.pairs.operator import PairOperator
from deepaw.potential.training.batch import Batch


class AtomPasses:
    """Passes for atoms first ... last - 1 of batches: `forward`, then `backward`; buffers are reused between calls."""

    def __init__(
        self,
        model: PotentialModel,
        batch_counts: Sequence[int],
        operators: Sequence[PairOperator],
        contractions: Sequence[type[ContractionPasses]],
        coefficients: Sequence[Tensor],
        weights: Sequence[Tensor] | None,
        compute: torch.dtype | None,
        first: int,
        last: int,
    ) -> None:
        """batch_counts: atoms of each type of a batch. operators, contractions, coefficients: of each part of the
        descriptor. weights: of first layers, as of `NetPasses`. compute: as of `predict`."""
        self._first, self._last, self._operators = first, last, operators
        counts, start = [], 0
        for count in batch_counts:
            counts.append(max(0, min(last, start + count) - max(first, start)))
            start += count
        self._is_whole = last - first == start
        nets = [model.fitting.net(kind) for kind in range(len(counts))]
        self.nets = NetPasses(nets, counts, compute, weights)
        parts = pairwise_parts(model)
        widths = [
            contraction.width(part, C.shape[1])
            for contraction, part, C in zip(contractions, parts, coefficients, strict=True)
        ]
        self._width = sum(widths)
        places = (self.nets.x, self.nets.tangent_x, self.nets.grad_x, self.nets.adjoint_x)
        columns = zip(*(rows[:, : self._width].split(widths, dim=1) for rows in places), strict=True)
        self.parts = [
            contraction(part, C, counts, Columns(*part_columns))
            for contraction, part, C, part_columns in zip(contractions, parts, coefficients, columns, strict=True)
        ]

    def forward(
        self, batch: Batch, factor: Tensor, parameters: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute outputs of the nets, and contributions to forces (natoms, 3) and virials (nframes, 3, 3)."""
        first, last, nets = self._first, self._last, self.nets
        self._tables = [table if self._is_whole else table.share(first, last) for table in batch.tables]
        self._frame = batch.frame[first:last] if virial else None
        for part, operator, table in zip(self.parts, self._operators, self._tables, strict=True):
            operator.forward(table, part.B)
            part.forward()
        if parameters is not None:
            nets.x[:, self._width :] = parameters[first:last]
        nets.factor.copy_(factor[first:last])
        energies = nets.forward()
        nets.backward()
        device = batch.atoms.device
        force = torch.zeros(len(batch.atoms), 3, dtype=torch.float64, device=device)
        virials = torch.zeros(len(batch.natoms), 3, 3, dtype=torch.float64, device=device)
        for part, operator, table in zip(self.parts, self._operators, self._tables, strict=True):
            part.backward()
            grad_vector = operator.vjp(table, part.grad_B)
            add_forces(table, grad_vector, force, virials if virial else None, self._frame)
        return energies, force, virials

    def backward(self, grad_energy: Tensor, grad_force: Tensor, grad_virial: Tensor) -> None:
        """Compute dJ/dC of each part, and make the nets ready for `WeightGradients`."""
        nets = self.nets
        for part, operator, table in zip(self.parts, self._operators, self._tables, strict=True):
            tangent = transpose_forces(table, grad_force, None if self._frame is None else grad_virial, self._frame)
            operator.jvp(table, tangent, part.tangent_B)
            part.jvp()
        nets.tangent_x[:, self._width :] = 0
        nets.grad_energy.copy_(grad_energy[self._first : self._last])
        nets.double_backward()
        for part in self.parts:
            part.double_backward()


def pairwise_parts(model: PotentialModel) -> list[PairwiseDescriptor]:
    """Return the parts of the descriptor whose embedding nets act on one neighbour."""
    return [part for part in model.descriptor.parts if isinstance(part, PairwiseDescriptor)]
