"""Energies and forces of a batch, and the gradient of a loss of both, by passes that are written out.

What `deepaw.potential.training.step` leaves to automatic differentiation otherwise, with the same names as
`deepaw.potential.network.passes`: directions t of a loss of forces are those of the moments, and the embedding nets
enter by their coefficients on the spectral basis. Each thread takes a share of the atoms through all passes; the
gradients of the fitting nets' weights are products over all atoms, of which each thread makes some rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.coefficients import CoefficientPasses
from deepaw.potential.descriptor.contraction import Contraction, FoldedSeE2APasses, contraction_passes
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.moments import MomentKernel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.embedding_passes import EmbeddingPasses
from deepaw.potential.network.passes import GradientsOfWeights, has_passes, weights_of
from deepaw.potential.pairs.operator import PairOperator
from deepaw.potential.threads import each_share
from deepaw.potential.training.atompasses import AtomPasses, pairwise_parts
from deepaw.potential.training.batch import Batch
from deepaw.potential.training.firstlayer import FirstLayer, Piece, find_contraction
from deepaw.potential.training.shares import ranges_of

KEPT = 4096
"""Atoms of different compositions of batches that `KeptPasses` has memory ready for."""


def can_pass(model: PotentialModel, kernels: Sequence[TrainingKernel[Any]]) -> bool:
    """Whether all that the model is made of has passes, in numbers of one type."""
    fitting = model.fitting
    return (
        not fitting.shared
        and all(has_passes(fitting.net(kind)) for kind in range(len(model.type_map)))
        and all(isinstance(kernel, MomentKernel) for kernel in kernels)
        and all(contraction_passes(part) is not None and part.dtype == fitting.dtype for part in model.descriptor.parts)
        and all(
            EmbeddingPasses.can_pass(part.nets)
            for part in pairwise_parts(model)
            if isinstance(part.nets, EmbeddingNets)
        )
    )


class KeptPasses:
    """The passes of a model for the compositions of batches that came last; a model that `can_pass`.

    gradients: for the weights that they are kept for, by `id`, memory like theirs; each gradient overwrites the one
    before.
    """

    def __init__(
        self,
        model: PotentialModel,
        kernels: Sequence[TrainingKernel[Any]],
        gradients: Mapping[int, Tensor] | None = None,
    ) -> None:
        self._model, self._kernels, self._gradients = model, kernels, gradients or {}
        self._kept: dict[Any, Passes] = {}

    def of(self, batch: Batch, compute: torch.dtype | None = None) -> Passes:
        """Those for a batch; they are ready for another one when its gradient was taken or is not wanted any more.

        compute: as of `predict`.
        """
        key = (batch.counts, compute, tuple(ranges_of(len(batch.atoms), batch.atoms.device)))
        found = self._kept.pop(key, None) or Passes(self._model, self._kernels, batch, compute, self._gradients)
        self._kept[key] = found
        while len(self._kept) > 1 and sum(passes.natoms for passes in self._kept.values()) > KEPT:
            del self._kept[next(iter(self._kept))]
        return found


class Passes:
    """Through a model, for batches with as many atoms of each type as the one given, in memory of their own."""

    def __init__(
        self,
        model: PotentialModel,
        kernels: Sequence[TrainingKernel[Any]],
        batch: Batch,
        compute: torch.dtype | None,
        gradients: Mapping[int, Tensor],
    ) -> None:
        counts, parts = batch.counts, pairwise_parts(model)
        fitting = [weights_of(model.fitting.net(kind)) for kind in range(len(counts))]
        embedding: list[list[Tensor]] = [list(part.nets.parameters()) for part in parts]
        self.weights: list[Tensor] = [weight for of_net in (*embedding, *fitting) for weight in of_net]
        found = {
            id(weight): gradients[id(weight)] if id(weight) in gradients else torch.empty_like(weight)
            for weight in self.weights
        }
        self._gradients = [found[id(weight)] for weight in self.weights]
        self.turn = 0
        """How often it was run."""

        self.natoms = natoms = sum(counts)
        contractions: list[Contraction] = []
        self._coefficients: list[CoefficientPasses] = []
        operators: list[PairOperator] = []
        for part, kernel, of_part in zip(parts, kernels, embedding, strict=True):
            assert isinstance(kernel, MomentKernel)
            basis = kernel.form.basis
            kind = find_contraction(part, part.ntypes * basis.size, natoms)
            contractions.append(kind)
            operators.append(kernel.operator(part.dtype, batch.atoms.device))
            of_weights = [found[id(weight)] for weight in of_part]
            self._coefficients.append(CoefficientPasses(part, basis, kind.scale(part), of_weights))
        outs = [[found[id(weight)] for weight in of_net] for of_net in fitting]
        self._first: list[FirstLayer] = []
        if any(kind is FoldedSeE2APasses for kind in contractions):
            pieces = [
                Piece(part.width, (each.C, each.adjoint_C) if kind is FoldedSeE2APasses else None)
                for part, kind, each in zip(parts, contractions, self._coefficients, strict=True)
            ]
            beside = len(fitting[0][0]) - model.descriptor.width
            for number, (weights, out) in enumerate(zip(fitting, outs, strict=True)):
                self._first.append(FirstLayer(number, weights[0], out[0], [*pieces, Piece(beside, None)]))
                out[0] = self._first[-1].of_w

        ranges = ranges_of(natoms, batch.atoms.device)
        first = [each.w for each in self._first] or None
        C = [each.C for each in self._coefficients]
        self._shares = [
            AtomPasses(model, counts, operators, contractions, C, first, compute, *atoms) for atoms in ranges
        ]
        nets = [share.nets for share in self._shares]
        self._of_weights = [GradientsOfWeights(nets, outs, part, len(ranges)) for part in range(len(ranges))]

    def run(self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool) -> tuple[Tensor, Tensor, Tensor]:
        """What the fitting nets say of each atom (natoms,), forces (natoms, 3) and virials (nframes, 3, 3), which are 0
        if they are not asked for.

        factor: (natoms,), what each atom's energy counts by in forces. beside: see `FittingNets.parameters_of`.
        Differentiable, once, in the model's weights where gradients are enabled, until the next call.
        """
        if not torch.is_grad_enabled():
            return self.forward(batch, factor, beside, virial)
        found: tuple[Tensor, Tensor, Tensor] = _Run.apply(self, batch, factor, beside, virial, *self.weights)
        return found

    def forward(
        self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`run`, without a graph."""
        self.turn += 1
        for part in self._coefficients:
            part.forward()
        self._each_type(lambda layer: layer.forward())
        shares = self._shares
        found = each_share(lambda share: shares[share].forward(batch, factor, beside, virial), len(shares))
        energies, forces, virials = zip(*found, strict=True)
        return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> list[Tensor]:
        """Gradients of the weights, after `run`, from those in what it returned."""
        shares = self._shares
        each_share(lambda share: shares[share].backward(e, of_force, of_virial), len(shares))
        for part, *found in zip(
            self._coefficients, *([p.adjoint_C for p in share.parts] for share in shares), strict=True
        ):
            part.adjoint_C.copy_(sum(found[1:], found[0]))
        each_share(lambda share: self._of_weights[share].run(), len(shares))
        self._each_type(lambda layer: layer.backward())
        for part in self._coefficients:
            part.backward()
        return self._gradients

    def _each_type(self, work: Callable[[FirstLayer], None]) -> None:
        count = min(len(self._shares), len(self._first))

        def share_of(number: int) -> None:
            for layer in self._first[number::count]:
                work(layer)

        if count:
            each_share(share_of, count)


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, passes: Passes, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        found = passes.forward(batch, factor, beside, virial)
        ctx.passes, ctx.turn = passes, passes.turn
        return found

    @staticmethod
    def backward(ctx: Any, e: Tensor, of_force: Tensor, of_virial: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.passes.turn != ctx.turn:
            raise RuntimeError("the passes were run again before this gradient was taken")
        return *(None,) * 5, *ctx.passes.backward(e, of_force, of_virial)
