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

from deepaw.potential.descriptor.coefficient_passes import CoefficientPasses
from deepaw.potential.descriptor.forces import Maps, forces_of, moments_of
from deepaw.potential.descriptor.form import Form
from deepaw.potential.descriptor.geometry import PairGeometry
from deepaw.potential.descriptor.pairform import PairForm
from deepaw.potential.descriptor.pairmaps import PairMaps
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.passes import Columns, ContractionPasses, FoldedSeE2APasses, contraction_passes
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.embedding_passes import EmbeddingPasses
from deepaw.potential.network.passes import GradientsOfWeights, NetPasses, has_passes, weights_of
from deepaw.potential.training.batch import Batch
from deepaw.potential.training.firstlayer import FirstLayer, Piece, find_contraction
from deepaw.potential.training.shares import each_share, ranges_of

KEPT = 4
"""Compositions of batches that `KeptPasses` has memory ready for."""


def can_pass(model: PotentialModel, forms: Sequence[Form]) -> bool:
    """Whether all that the model is made of has passes, in numbers of one type."""
    fitting = model.fitting
    return (
        not fitting.shared
        and all(has_passes(fitting.net(kind)) for kind in range(len(model.type_map)))
        and all(isinstance(form, PairForm) for form in forms)
        and all(contraction_passes(part) is not None and part.dtype == fitting.dtype for part in model.descriptor.parts)
        and all(EmbeddingPasses.can_pass(nets) for nets in _embedding_nets(model))
    )


class KeptPasses:
    """The passes of a model for the compositions of batches that came last; a model that `can_pass`.

    gradients: for the weights that they are kept for, by `id`, memory like theirs; each gradient overwrites the one
    before.
    """

    def __init__(
        self, model: PotentialModel, forms: Sequence[Form], gradients: Mapping[int, Tensor] | None = None
    ) -> None:
        self._model, self._forms, self._gradients = model, forms, gradients or {}
        self._kept: dict[Any, Passes] = {}

    def of(self, batch: Batch, compute: torch.dtype | None = None) -> Passes:
        """Those for a batch; they are ready for another one when its gradient was taken or is not wanted any more.

        compute: as of `predict`.
        """
        key = (batch.counts, compute, tuple(ranges_of(len(batch.atoms), batch.atoms.device)))
        found = self._kept.pop(key, None) or Passes(self._model, self._forms, batch, compute, self._gradients)
        self._kept[key] = found
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return found


class Passes:
    """Through a model, for batches with as many atoms of each type as the one given, in memory of their own."""

    def __init__(
        self,
        model: PotentialModel,
        forms: Sequence[Form],
        batch: Batch,
        compute: torch.dtype | None,
        gradients: Mapping[int, Tensor],
    ) -> None:
        counts, descriptor = batch.counts, model.descriptor
        fitting = [weights_of(model.fitting.net(kind)) for kind in range(len(counts))]
        embedding = [list(nets.parameters()) for nets in _embedding_nets(model)]
        self.weights = [weight for of_net in (*embedding, *fitting) for weight in of_net]
        found = {id(weight): gradients.get(id(weight), torch.empty_like(weight)) for weight in self.weights}
        self._gradients = [found[id(weight)] for weight in self.weights]
        self._turn = 0

        natoms, contractions = sum(counts), []
        self._coefficients: list[CoefficientPasses] = []
        for part, form, of_part in zip(descriptor.parts, forms, embedding, strict=True):
            assert isinstance(part, PairwiseDescriptor) and isinstance(form, PairForm)
            kind = find_contraction(part, part.ntypes * form.basis.size, natoms)
            contractions.append(kind)
            of_weights = [found[id(weight)] for weight in of_part]
            self._coefficients.append(CoefficientPasses(part, form.basis, kind.scale_of(part), of_weights))
        outs = [[found[id(weight)] for weight in of_net] for of_net in fitting]
        self._first: list[FirstLayer] = []
        if any(kind is FoldedSeE2APasses for kind in contractions):
            pieces = [
                Piece(part.width, (each.C, each.of_C) if kind is FoldedSeE2APasses else None)
                for part, kind, each in zip(descriptor.parts, contractions, self._coefficients, strict=True)
            ]
            beside = len(fitting[0][0]) - descriptor.width
            for number, (weights, out) in enumerate(zip(fitting, outs, strict=True)):
                self._first.append(FirstLayer(number, weights[0], out[0], [*pieces, Piece(beside, None)]))
                out[0] = self._first[-1].of_w

        ranges = ranges_of(natoms, batch.atoms.device)
        first = [each.w for each in self._first] or None
        C = [each.C for each in self._coefficients]
        self._shares = [_Share(model, counts, contractions, C, first, compute, *atoms) for atoms in ranges]
        nets = [share.nets for share in self._shares]
        self._of_weights = [GradientsOfWeights(nets, outs, part, len(ranges)) for part in range(len(ranges))]

    def run(self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool) -> tuple[Tensor, Tensor, Tensor]:
        """What the fitting nets say of each atom (natoms,), forces (natoms, 3) and virials (nframes, 3, 3), which are 0
        if they are not asked for.

        factor: (natoms,), what each atom's energy counts by in forces. beside: see `FittingNets.parameters_of`.
        Differentiable, once, in the model's weights, until the next call.
        """
        found: tuple[Tensor, Tensor, Tensor] = _Run.apply(self, batch, factor, beside, virial, *self.weights)
        return found

    def forward(
        self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`run`, without a graph."""
        self._turn += 1
        for part in self._coefficients:
            part.value()
        self._each_type(lambda layer: layer.value())
        shares = self._shares
        found = each_share(lambda share: shares[share].forward(batch, factor, beside, virial), len(shares))
        energies, forces, virials = zip(*found, strict=True)
        return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> list[Tensor]:
        """Gradients of the weights."""
        shares = self._shares
        each_share(lambda share: shares[share].backward(e, of_force, of_virial), len(shares))
        for part, *found in zip(self._coefficients, *([p.of_C for p in share.parts] for share in shares), strict=True):
            part.of_C.copy_(sum(found[1:], found[0]))
        each_share(lambda share: self._of_weights[share].run(), len(shares))
        self._each_type(lambda layer: layer.reverse())
        for part in self._coefficients:
            part.reverse()
        return self._gradients

    @property
    def turn(self) -> int:
        """How often it was run."""
        return self._turn

    def _each_type(self, work: Callable[[FirstLayer], None]) -> None:
        count = min(len(self._shares), len(self._first))
        if count:
            each_share(lambda share: [work(layer) for layer in self._first[share::count]], count)


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


class _Share:
    """Atoms first ... last - 1 of a batch."""

    def __init__(
        self,
        model: PotentialModel,
        of_all: Sequence[int],
        contractions: Sequence[type[ContractionPasses]],
        coefficients: Sequence[Tensor],
        weights: Sequence[Tensor] | None,
        compute: torch.dtype | None,
        first: int,
        last: int,
    ) -> None:
        maps = PairMaps(keeps=True)
        self._first, self._last, self._maps = first, last, Maps(maps.gradient, maps.tangent)
        counts, start = [], 0
        for count in of_all:
            counts.append(max(0, min(last, start + count) - max(first, start)))
            start += count
        self._whole = last - first == start
        nets = [model.fitting.net(kind) for kind in range(len(counts))]
        self.nets = NetPasses(nets, counts, compute, weights)
        widths = [
            kind.width_of(part, C.shape[1])
            for kind, part, C in zip(contractions, model.descriptor.parts, coefficients, strict=True)
        ]
        self._width = sum(widths)
        places = (self.nets.x, self.nets.x_dot, self.nets.g, self.nets.h)
        columns = zip(*(rows[:, : self._width].split(widths, dim=1) for rows in places), strict=True)
        self.parts = [
            kind(part, C, counts, Columns(*of_part))
            for kind, part, C, of_part in zip(contractions, model.descriptor.parts, coefficients, columns, strict=True)
        ]

    def forward(
        self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the nets say of these atoms, and what they add to forces and virials."""
        first, last, nets = self._first, self._last, self.nets
        self._geometries = [
            part if self._whole else part.share(first, last) for part in batch.parts if isinstance(part, PairGeometry)
        ]
        self._frame = batch.frame[first:last] if virial else None
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            part.B.view(geometry.moments.shape).copy_(geometry.moments)
            part.value()
        if beside is not None:
            nets.x[:, self._width :] = beside[first:last]
        nets.factor.copy_(factor[first:last])
        values = nets.value()
        nets.gradient()
        found = []
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            part.gradient()
            of_B = part.of_B.view(geometry.moments.shape)
            found.append(forces_of(geometry, of_B, self._frame, len(batch.natoms), first, len(batch.atoms), self._maps))
        forces, virials = zip(*found, strict=True)
        return values, sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> None:
        """dJ/dC of each part; the nets are ready for `GradientsOfWeights`."""
        nets = self.nets
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            B_dot = moments_of(geometry, of_force, of_virial, self._frame, self._first, self._maps)
            part.B_dot.view(B_dot.shape).copy_(B_dot)
            part.tangent()
        nets.x_dot[:, self._width :] = 0
        nets.e.copy_(e[self._first : self._last])
        nets.reverse()
        for part in self.parts:
            part.reverse()


def _embedding_nets(model: PotentialModel) -> list[EmbeddingNets]:
    parts = (part for part in model.descriptor.parts if isinstance(part, PairwiseDescriptor))
    return [part.nets for part in parts if isinstance(part.nets, EmbeddingNets)]
