"""One step on several threads: each works on a share of the atoms from beginning to end, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.threads import each_share

SMALLEST_SHARE = 48
"""Atoms that are worth a thread of their own."""

Results = tuple[Tensor, Tensor, Tensor]
Work = Callable[[int, int, bool], Results]
"""From a range of atoms, and whether a graph is wanted: atom energies, and parts of forces and virials that add up."""


def ranges_of(natoms: int, device: torch.device) -> list[tuple[int, int]]:
    """The first atom of each share, and the one behind its last."""
    count = max(1, min(torch.get_num_threads(), natoms // SMALLEST_SHARE)) if device.type == "cpu" else 1
    return [(natoms * share // count, natoms * (share + 1) // count) for share in range(count)]


def in_shares(work: Work, ranges: Sequence[tuple[int, int]], weights: Sequence[Tensor]) -> Results:
    """The results of all ranges together, differentiable in the weights where gradients are enabled.

    Sums are taken in the order of the ranges, whatever the threads do.
    """
    results: Results = _Shares.apply(work, ranges, torch.is_grad_enabled(), *weights)
    return results


def pieces_of(ranges: Sequence[tuple[int, int]], most: int) -> list[list[tuple[int, int]]]:
    """Each of the ranges in pieces of `most` atoms or less."""
    return [[(first, min(first + most, last)) for first in range(start, last, most)] for start, last in ranges]


def in_pieces(work: Work, pieces: Sequence[Sequence[tuple[int, int]]], weights: Sequence[Tensor]) -> Results:
    """As `in_shares`, the pieces of a share one after the other, of which one at a time has a graph: each is worked on
    once more on the way back, so that memory does not grow with the number of atoms."""
    results: Results = _Pieces.apply(work, pieces, *weights)
    return results


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: Work, pieces: Sequence[Sequence[tuple[int, int]]], *weights: Tensor) -> Results:
        ctx.work, ctx.pieces, ctx.weights = work, pieces, weights

        def values(share: int) -> Results:
            energies, forces, virials = zip(*(work(*piece, False) for piece in pieces[share]), strict=True)
            return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

        energies, forces, virials = zip(*each_share(values, len(pieces)), strict=True)
        return torch.cat(energies), sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    @staticmethod
    def backward(ctx: Any, of_energy: Tensor, of_force: Tensor, of_virial: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(share: int) -> list[Tensor | None]:
            total: list[Tensor | None] = [None] * len(ctx.weights)
            for first, last in ctx.pieces[share]:
                results = ctx.work(first, last, True)
                found = _gradients(results, (of_energy[first:last], of_force, of_virial), ctx.weights)
                total = [b if a is None else a if b is None else a + b for a, b in zip(total, found, strict=True)]
            return total

        return None, None, *_sums(each_share(gradients, len(ctx.pieces)))


def _gradients(results: Results, given: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """In the weights, of what depends on them."""
    wanted = [(result, of_it) for result, of_it in zip(results, given, strict=True) if result.requires_grad]
    outputs, cotangents = zip(*wanted, strict=True)
    return torch.autograd.grad(outputs, weights, cotangents, allow_unused=True)


def _sums(parts: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """Of each weight, over the shares."""
    sums: list[Tensor | None] = []
    for of_weight in zip(*parts, strict=True):
        known = [gradient for gradient in of_weight if gradient is not None]
        sums.append(sum(known[1:], known[0]) if known else None)
    return sums


class _Shares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: Work, ranges: Sequence[tuple[int, int]], training: bool, *weights: Tensor) -> Results:
        results = each_share(lambda share: work(*ranges[share], training), len(ranges))
        if training:
            ctx.results, ctx.ranges, ctx.weights = results, ranges, weights
        energies, forces, virials = zip(*results, strict=True)
        return (
            torch.cat([energy.detach() for energy in energies]),
            sum((force.detach() for force in forces[1:]), forces[0].detach()),
            sum((virial.detach() for virial in virials[1:]), virials[0].detach()),
        )

    @staticmethod
    def backward(ctx: Any, of_energy: Tensor, of_force: Tensor, of_virial: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(share: int) -> tuple[Tensor | None, ...]:
            first, last = ctx.ranges[share]
            return _gradients(ctx.results[share], (of_energy[first:last], of_force, of_virial), ctx.weights)

        return None, None, None, *_sums(each_share(gradients, len(ctx.ranges)))
