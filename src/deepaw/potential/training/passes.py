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
from deepaw.potential.model import PotentialModel
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
        by_type = [
            [kind.net for share in shares for kind in share.kinds if kind.kind == number]
            for number in range(len(gradients))
        ]

        def weights(share: int) -> None:
            for passes, out in zip(by_type, gradients, strict=True):
                if passes:
                    gradients_of_weights(passes, out, share, len(shares))
                elif share == 0:
                    for each in out:
                        each.zero_()

        each_share(weights, len(shares))
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
        first, last, batch = self._first, self._last, self._batch
        whole = last - first == len(batch.atoms)
        self._geometries = [
            part if whole else part.share(first, last) for part in batch.parts if isinstance(part, PairGeometry)
        ]
        self.kinds: list[_Kind] = []
        start = 0
        for kind, count in enumerate(batch.counts):
            mine = slice(max(first, start) - first, min(last, start + count) - first)
            if mine.start < mine.stop:
                self.kinds.append(_Kind(self._model, kind, mine, self._geometries, self._coefficients, self._compute))
            start += count
        values = [kind.value(None if self._beside is None else self._beside[kind.atoms]) for kind in self.kinds]
        gradients = [kind.gradient(self._factor[kind.atoms]) for kind in self.kinds]
        found = [
            forces_of(geometry, torch.cat(gradient), self._frame, len(batch.natoms), first, len(batch.atoms))
            for geometry, gradient in zip(self._geometries, zip(*gradients, strict=True), strict=True)
        ]
        forces, virials = zip(*found, strict=True)
        return torch.cat(values), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> list[Tensor]:
        """dJ/d(coefficients) of each part; the nets are ready for those of their weights."""
        directions = [
            moments_of(geometry, of_force, of_virial, self._frame, self._first) for geometry in self._geometries
        ]
        found = [torch.zeros_like(each) for each in self._coefficients]
        for kind in self.kinds:
            of_kind = kind.reverse(e[self._first : self._last][kind.atoms], [each[kind.atoms] for each in directions])
            for into, gradient in zip(found, of_kind, strict=True):
                into[kind.kind] = gradient
        return found


class _Kind:
    """Those of a share that are of one type: `atoms`, a range in it."""

    def __init__(
        self,
        model: PotentialModel,
        kind: int,
        atoms: slice,
        geometries: Sequence[PairGeometry],
        coefficients: Sequence[Tensor],
        compute: torch.dtype | None,
    ) -> None:
        self.kind, self.atoms = kind, atoms
        self.net = NetPasses(model.fitting.net(kind), compute)
        self._widths = [part.width for part in model.descriptor.parts]
        self._parts = [
            _passes(part)(part, geometry.moments[atoms], C[kind])
            for part, geometry, C in zip(model.descriptor.parts, geometries, coefficients, strict=True)
        ]

    def value(self, beside: Tensor | None) -> Tensor:
        columns = [part.value() for part in self._parts]
        return self.net.value(_together(columns if beside is None else [*columns, beside]))

    def gradient(self, factor: Tensor) -> list[Tensor]:
        """dE/dB of each part."""
        columns = self._split(self.net.gradient(factor))
        return [part.gradient(G) for part, G in zip(self._parts, columns, strict=True)]

    def reverse(self, e: Tensor, directions: Sequence[Tensor]) -> list[Tensor]:
        """dJ/dC of each part."""
        columns = [part.tangent(B_dot) for part, B_dot in zip(self._parts, directions, strict=True)]
        if parameters := self.net.layers[0].x.shape[1] - sum(self._widths):
            columns.append(e.new_zeros(len(e), parameters))
        columns = self._split(self.net.reverse(e, _together(columns)))
        return [part.reverse(H) for part, H in zip(self._parts, columns, strict=True)]

    def _split(self, rows: Tensor) -> list[Tensor]:
        return list(rows[:, : sum(self._widths)].split(self._widths, dim=1))


def _passes(part: Descriptor) -> Any:
    found = contraction_passes(part)
    assert found is not None
    return found


def _together(columns: Sequence[Tensor]) -> Tensor:
    return columns[0] if len(columns) == 1 else torch.cat(list(columns), dim=1)
