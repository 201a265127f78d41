"""Training steps on several threads: each thread computes a share of the atoms, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.threads import each_share

SMALLEST_SHARE = 48
"""Smallest number of atoms of a thread."""

Results = tuple[Tensor, Tensor, Tensor]
Work = Callable[[int, int, bool], Results]
"""Function of a range of atoms, and whether to build an autograd graph: their energies, and their contributions to
forces and virials."""


def share_ranges(natoms: int, device: torch.device) -> list[tuple[int, int]]:
    """Return the first atom of each share, and the one after its last."""
    count = max(1, min(torch.get_num_threads(), natoms // SMALLEST_SHARE)) if device.type == "cpu" else 1
    return [(natoms * share // count, natoms * (share + 1) // count) for share in range(count)]


def run_shares(work: Work, ranges: Sequence[tuple[int, int]], weights: Sequence[Tensor]) -> Results:
    """Combine the results of all ranges, differentiable with respect to the weights if gradients are enabled.

    Sums are in the order of the ranges, so that results do not depend on the timing of threads.
    """
    results: Results = _Shares.apply(work, ranges, torch.is_grad_enabled(), *weights)
    return results


def split_ranges(ranges: Sequence[tuple[int, int]], largest: int) -> list[list[tuple[int, int]]]:
    """Split each range into pieces of at most `largest` atoms."""
    return [[(first, min(first + largest, last)) for first in range(start, last, largest)] for start, last in ranges]


def run_pieces(work: Work, pieces: Sequence[Sequence[tuple[int, int]]], weights: Sequence[Tensor]) -> Results:
    """Combine the results of all pieces, one piece of a share after the other.

    Results are recomputed in the backward pass, with the graph of one piece at a time, so that memory does not grow
    with the number of atoms.
    """
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
    def backward(ctx: Any, grad_energy: Tensor, grad_force: Tensor, grad_virial: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(share: int) -> list[Tensor | None]:
            total: list[Tensor | None] = [None] * len(ctx.weights)
            for first, last in ctx.pieces[share]:
                results = ctx.work(first, last, True)
                piece = _gradients(results, (grad_energy[first:last], grad_force, grad_virial), ctx.weights)
                total = [b if a is None else a if b is None else a + b for a, b in zip(total, piece, strict=True)]
            return total

        return None, None, *_sums(each_share(gradients, len(ctx.pieces)))


def _gradients(
    results: Results, grad_results: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """Compute the gradients of the weights from those of the results that depend on them."""
    pairs = [(result, grad) for result, grad in zip(results, grad_results, strict=True) if result.requires_grad]
    outputs, grad_outputs = zip(*pairs, strict=True)
    return torch.autograd.grad(outputs, weights, grad_outputs, allow_unused=True)


def _sums(parts: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """Sum the gradients of each weight over the shares."""
    sums: list[Tensor | None] = []
    for shares in zip(*parts, strict=True):
        gradients = [gradient for gradient in shares if gradient is not None]
        sums.append(sum(gradients[1:], gradients[0]) if gradients else None)
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
    def backward(ctx: Any, grad_energy: Tensor, grad_force: Tensor, grad_virial: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(share: int) -> tuple[Tensor | None, ...]:
            first, last = ctx.ranges[share]
            return _gradients(ctx.results[share], (grad_energy[first:last], grad_force, grad_virial), ctx.weights)

        return None, None, None, *_sums(each_share(gradients, len(ctx.ranges)))
