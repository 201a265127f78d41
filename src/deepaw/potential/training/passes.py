"""Energies and forces of a batch, and the gradient of a loss of both, by passes that are written out.

What `deepaw.potential.training.step` leaves to automatic differentiation otherwise, with the same names as
`deepaw.potential.network.passes`: directions t of a loss of forces are those of the moments, and the embedding nets
enter by their coefficients on the spectral basis. Each thread takes a share of the atoms through all passes; the
gradients of the fitting nets' weights are products over all atoms, of which each thread makes some rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.forces import forces_of, moments_of
from deepaw.potential.descriptor.form import Form
from deepaw.potential.descriptor.geometry import PairGeometry
from deepaw.potential.descriptor.pairform import PairForm
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.passes import contraction_passes
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.network.passes import NetPasses, gradients_of_weights, has_passes, weights_of
from deepaw.potential.training.batch import Batch
from deepaw.potential.training.shares import each_share, ranges_of


def can_pass(model: PotentialModel, forms: Sequence[Form]) -> bool:
    """Whether all that the model is made of has passes, in numbers of one type."""
    fitting = model.fitting
    return (
        not fitting.shared
        and all(has_passes(fitting.net(kind)) for kind in range(len(model.type_map)))
        and all(isinstance(form, PairForm) for form in forms)
        and all(contraction_passes(part) is not None and part.dtype == fitting.dtype for part in model.descriptor.parts)
    )


def run_passes(
    model: PotentialModel,
    batch: Batch,
    forms: Sequence[Form],
    factor: Tensor,
    beside: Tensor | None,
    virial: bool,
    compute: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the fitting nets say of each atom (natoms,), forces (natoms, 3) and virials (nframes, 3, 3), which are 0 if
    they are not asked for.

    factor: (natoms,), what each atom's energy counts by in forces. beside: see `FittingNets.parameters_of`.
    compute: as of `predict`. Differentiable, once, in the model's weights.
    """
    coefficients = [
        part.coefficients(form.basis)
        for part, form in zip(model.descriptor.parts, forms, strict=True)
        if isinstance(part, PairwiseDescriptor) and isinstance(form, PairForm)
    ]
    nets = [weight for kind in range(len(batch.counts)) for weight in weights_of(model.fitting.net(kind))]
    found: tuple[Tensor, Tensor, Tensor] = _Passes.apply(
        model, batch, factor, beside, virial, compute, len(coefficients), *coefficients, *nets
    )
    return found


_INPUTS = 7
"""Of `_Passes`, before those that have gradients."""


class _Passes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        model: PotentialModel,
        batch: Batch,
        factor: Tensor,
        beside: Tensor | None,
        virial: bool,
        compute: torch.dtype | None,
        parts: int,
        *inputs: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        ranges = ranges_of(len(batch.atoms), batch.atoms.device)
        shares = [_Share(model, batch, inputs[:parts], factor, beside, virial, compute, *atoms) for atoms in ranges]
        found = each_share(lambda share: shares[share].forward(), len(shares))
        ctx.shares, ctx.parts, ctx.fitting = shares, parts, model.fitting
        energies, forces, virials = zip(*found, strict=True)
        return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    @staticmethod
    def backward(ctx: Any, e: Tensor, of_force: Tensor, of_virial: Tensor) -> tuple[Tensor | None, ...]:
        shares = ctx.shares
        found = each_share(lambda share: shares[share].backward(e, of_force, of_virial), len(shares))
        of_coefficients = [sum(given[1:], given[0]) for given in zip(*found, strict=True)]
        wanted = ctx.needs_input_grad[_INPUTS + ctx.parts :]
        if not any(wanted):
            return *(None,) * _INPUTS, *of_coefficients, *(None for _ in wanted)
        gradients = [[torch.empty_like(weight) for weight in weights_of(net)] for net in ctx.fitting.nets]
        passes = [share.nets for share in shares]
        each_share(lambda share: gradients_of_weights(passes, gradients, share, len(shares)), len(shares))
        return *(None,) * _INPUTS, *of_coefficients, *(each for of_net in gradients for each in of_net)


class _Share:
    """Atoms first ... last - 1 of a batch."""

    def __init__(
        self,
        model: PotentialModel,
        batch: Batch,
        coefficients: Sequence[Tensor],
        factor: Tensor,
        beside: Tensor | None,
        virial: bool,
        compute: torch.dtype | None,
        first: int,
        last: int,
    ) -> None:
        self._model, self._batch, self._coefficients, self._compute = model, batch, coefficients, compute
        self._factor, self._beside = (
            factor[first:last].to(model.fitting.dtype),
            None if beside is None else beside[first:last],
        )
        self._frame = batch.frame[first:last] if virial else None
        self._first, self._last = first, last

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the nets say of these atoms, and what they add to forces and virials."""
        first, last, batch, model = self._first, self._last, self._batch, self._model
        counts, start = [], 0
        for count in batch.counts:
            counts.append(max(0, min(last, start + count) - max(first, start)))
            start += count
        whole = last - first == len(batch.atoms)
        self._geometries = [
            part if whole else part.share(first, last) for part in batch.parts if isinstance(part, PairGeometry)
        ]
        self._parts = [
            _passes(part)(part, geometry.moments, C, counts)
            for part, geometry, C in zip(model.descriptor.parts, self._geometries, self._coefficients, strict=True)
        ]
        self._widths = [part.width for part in model.descriptor.parts]
        self.nets = nets = NetPasses([model.fitting.net(kind) for kind in range(len(counts))], counts, self._compute)
        for part, columns in zip(self._parts, self._split(nets.x), strict=True):
            part.value(columns)
        if self._beside is not None:
            nets.x[:, sum(self._widths) :] = self._beside
        values = nets.value()
        gradients = self._split(nets.gradient(self._factor))
        found = [
            forces_of(geometry, part.gradient(G), self._frame, len(batch.natoms), first, len(batch.atoms))
            for geometry, part, G in zip(self._geometries, self._parts, gradients, strict=True)
        ]
        forces, virials = zip(*found, strict=True)
        return values, sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> list[Tensor]:
        """dJ/d(coefficients) of each part; the nets are ready for those of their weights."""
        for geometry, part, columns in zip(self._geometries, self._parts, self._split(self.nets.x_dot), strict=True):
            part.tangent(moments_of(geometry, of_force, of_virial, self._frame, self._first), columns)
        self.nets.x_dot[:, sum(self._widths) :] = 0
        of_columns = self._split(self.nets.reverse(e[self._first : self._last]))
        return [part.reverse(H) for part, H in zip(self._parts, of_columns, strict=True)]

    def _split(self, rows: Tensor) -> list[Tensor]:
        return list(rows[:, : sum(self._widths)].split(self._widths, dim=1))


def _passes(part: Descriptor) -> Any:
    found = contraction_passes(part)
    assert found is not None
    return found
