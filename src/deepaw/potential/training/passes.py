"""Written passes: energies and forces of a batch, and the gradient of a loss of both, without autograd.

Other models are differentiated by autograd in `deepaw.potential.training.step`. Names are those of
`deepaw.potential.network.passes`: tangents of a loss of forces are propagated through the moments, and the embedding
nets enter by their coefficients on the spectral basis. Each thread takes a share of the atoms through all passes; the
gradients of the fitting nets' weights are products over all atoms, whose rows are divided among threads.
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
from deepaw.potential.network.passes import WeightGradients, has_passes, net_weights
from deepaw.potential.pairs.operator import PairOperator
from deepaw.potential.threads import each_share
from deepaw.potential.training.atompasses import AtomPasses, pairwise_parts
from deepaw.potential.training.batch import Batch
from deepaw.potential.training.firstlayer import FirstLayer, Piece, find_contraction
from deepaw.potential.training.shares import share_ranges

CACHED_ATOMS = 4096
"""Largest number of atoms of all cached passes of a `PassesCache`."""


def has_written_passes(model: PotentialModel, kernels: Sequence[TrainingKernel[Any]]) -> bool:
    """Whether all nets and parts of a model have written passes, in a single dtype."""
    fitting = model.fitting
    return (
        not fitting.shared
        and all(has_passes(fitting.net(kind)) for kind in range(len(model.type_map)))
        and all(isinstance(kernel, MomentKernel) for kernel in kernels)
        and all(contraction_passes(part) is not None and part.dtype == fitting.dtype for part in model.descriptor.parts)
        and all(
            EmbeddingPasses.supports(part.nets)
            for part in pairwise_parts(model)
            if isinstance(part.nets, EmbeddingNets)
        )
    )


class PassesCache:
    """Cache of the passes of a model for the most recent compositions of batches; see `has_written_passes`.

    gradients: memory for the gradients of weights, by `id` of the weight; overwritten by each backward pass.
    """

    def __init__(
        self,
        model: PotentialModel,
        kernels: Sequence[TrainingKernel[Any]],
        gradients: Mapping[int, Tensor] | None = None,
    ) -> None:
        self._model, self._kernels, self._gradients = model, kernels, gradients or {}
        self._cached: dict[Any, Passes] = {}

    def get(self, batch: Batch, compute: torch.dtype | None = None) -> Passes:
        """Return passes for the composition of a batch; compute: as of `predict`.

        The same passes may be returned for a later batch, so take the gradient of this one before.
        """
        key = (batch.counts, compute, tuple(share_ranges(len(batch.atoms), batch.atoms.device)))
        passes = self._cached.pop(key, None) or Passes(self._model, self._kernels, batch, compute, self._gradients)
        self._cached[key] = passes
        while len(self._cached) > 1 and sum(cached.natoms for cached in self._cached.values()) > CACHED_ATOMS:
            del self._cached[next(iter(self._cached))]
        return passes


class Passes:
    """Written passes of a model for batches of one composition, with buffers of their own.

    batch: example of the composition. gradients: as of `PassesCache`.
    """

    def __init__(
        self,
        model: PotentialModel,
        kernels: Sequence[TrainingKernel[Any]],
        batch: Batch,
        compute: torch.dtype | None,
        gradients: Mapping[int, Tensor],
    ) -> None:
        counts, parts = batch.counts, pairwise_parts(model)
        fitting = [net_weights(model.fitting.net(kind)) for kind in range(len(counts))]
        embedding: list[list[Tensor]] = [list(part.nets.parameters()) for part in parts]
        self.weights: list[Tensor] = [weight for net in (*embedding, *fitting) for weight in net]
        gradient_by_id = {
            id(weight): gradients[id(weight)] if id(weight) in gradients else torch.empty_like(weight)
            for weight in self.weights
        }
        self._gradients = [gradient_by_id[id(weight)] for weight in self.weights]
        self.run_count = 0
        """Number of forward passes."""

        self.natoms = natoms = sum(counts)
        contractions: list[Contraction] = []
        self._coefficients: list[CoefficientPasses] = []
        operators: list[PairOperator] = []
        for part, kernel, part_weights in zip(parts, kernels, embedding, strict=True):
            assert isinstance(kernel, MomentKernel)
            basis = kernel.form.basis
            kind = find_contraction(part, part.ntypes * basis.size, natoms)
            contractions.append(kind)
            operators.append(kernel.operator(part.dtype, batch.atoms.device))
            part_gradients = [gradient_by_id[id(weight)] for weight in part_weights]
            self._coefficients.append(CoefficientPasses(part, basis, kind.scale(part), part_gradients))
        fitting_gradients = [[gradient_by_id[id(weight)] for weight in net] for net in fitting]
        self._first: list[FirstLayer] = []
        if any(kind is FoldedSeE2APasses for kind in contractions):
            pieces = [
                Piece(part.width, (passes.C, passes.adjoint_C) if kind is FoldedSeE2APasses else None)
                for part, kind, passes in zip(parts, contractions, self._coefficients, strict=True)
            ]
            numb_parameters = len(fitting[0][0]) - model.descriptor.width
            for number, (weights, net_gradients) in enumerate(zip(fitting, fitting_gradients, strict=True)):
                self._first.append(
                    FirstLayer(number, weights[0], net_gradients[0], [*pieces, Piece(numb_parameters, None)])
                )
                net_gradients[0] = self._first[-1].adjoint_w

        ranges = share_ranges(natoms, batch.atoms.device)
        first = [layer.w for layer in self._first] or None
        C = [passes.C for passes in self._coefficients]
        self._shares = [
            AtomPasses(model, counts, operators, contractions, C, first, compute, *atoms) for atoms in ranges
        ]
        nets = [share.nets for share in self._shares]
        self._weight_gradients = [
            WeightGradients(nets, fitting_gradients, part, len(ranges)) for part in range(len(ranges))
        ]

    def run(
        self, batch: Batch, factor: Tensor, parameters: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute outputs of the fitting nets (natoms,), forces (natoms, 3) and virials (nframes, 3, 3).

        Virials are 0 unless `virial` is true. factor: (natoms,), weight of each atom's energy in forces. parameters: of
        `FittingNets.normalised_parameters`. If gradients are enabled, the results are differentiable once with respect
        to the model's weights, until the next call.
        """
        if not torch.is_grad_enabled():
            return self.forward(batch, factor, parameters, virial)
        results: tuple[Tensor, Tensor, Tensor] = _Run.apply(self, batch, factor, parameters, virial, *self.weights)
        return results

    def forward(
        self, batch: Batch, factor: Tensor, parameters: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the results of `run` without an autograd graph."""
        self.run_count += 1
        for part in self._coefficients:
            part.forward()
        self._run_first_layers(lambda layer: layer.forward())
        shares = self._shares
        results = each_share(lambda share: shares[share].forward(batch, factor, parameters, virial), len(shares))
        energies, forces, virials = zip(*results, strict=True)
        return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, grad_energy: Tensor, grad_force: Tensor, grad_virial: Tensor) -> list[Tensor]:
        """Compute the gradients of the weights from those of the results of `run`."""
        shares = self._shares
        each_share(lambda share: shares[share].backward(grad_energy, grad_force, grad_virial), len(shares))
        for part, *adjoints in zip(
            self._coefficients, *([part.adjoint_C for part in share.parts] for share in shares), strict=True
        ):
            part.adjoint_C.copy_(sum(adjoints[1:], adjoints[0]))
        each_share(lambda share: self._weight_gradients[share].run(), len(shares))
        self._run_first_layers(lambda layer: layer.backward())
        for part in self._coefficients:
            part.backward()
        return self._gradients

    def _run_first_layers(self, work: Callable[[FirstLayer], None]) -> None:
        """Call `work` for the first layer of each type, divided among threads."""
        count = min(len(self._shares), len(self._first))

        def run_share(number: int) -> None:
            for layer in self._first[number::count]:
                work(layer)

        if count:
            each_share(run_share, count)


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        passes: Passes,
        batch: Batch,
        factor: Tensor,
        parameters: Tensor | None,
        virial: bool,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        results = passes.forward(batch, factor, parameters, virial)
        ctx.passes, ctx.run_count = passes, passes.run_count
        return results

    @staticmethod
    def backward(ctx: Any, grad_energy: Tensor, grad_force: Tensor, grad_virial: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.passes.run_count != ctx.run_count:
            raise RuntimeError("the passes were run again before this gradient was taken")
        return *(None,) * 5, *ctx.passes.backward(grad_energy, grad_force, grad_virial)
