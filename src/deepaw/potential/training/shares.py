"""One step on several threads.

The products of a step are small: splitting each of them leaves threads waiting for one another most of the time, and
much more where the system lets waiting threads sleep. Instead every thread works on a share of the atoms from
beginning to end, there and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

SMALLEST_SHARE = 48
"""Atoms that are worth a thread of their own."""

Results = tuple[Tensor, Tensor, Tensor]
Work = Callable[[int, int, bool], Results]
"""From a range of atoms, and whether a graph is wanted: atom energies, and parts of forces and virials that add up."""

Result = TypeVar("Result")


def ranges_of(natoms: int, device: torch.device) -> list[tuple[int, int]]:
    """The first atom of each share, and the one behind its last."""
    count = max(1, min(torch.get_num_threads(), natoms // SMALLEST_SHARE)) if device.type == "cpu" else 1
    return [(natoms * share // count, natoms * (share + 1) // count) for share in range(count)]


@contextmanager
def alone() -> Iterator[None]:
    """What this thread does in the block is not spread over others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each_share(function: Callable[[int], Result], shares: int) -> list[Result]:
    """function(0) ... function(shares - 1), each on a thread which works alone; gradients as they are enabled here."""
    if shares == 1:
        return [function(0)]
    enabled = torch.is_grad_enabled()

    def work(share: int) -> Result:
        with torch.set_grad_enabled(enabled):
            return function(share)

    with alone():
        others = [_others(shares - 1).submit(work, share) for share in range(1, shares)]
        try:
            first = function(0)
        finally:
            wait(others)
    return [first, *(each.result() for each in others)]


@cache
def _others(count: int) -> ThreadPoolExecutor:
    # kept: a thread takes longer to start than a small step
    return ThreadPoolExecutor(count, "share", torch.set_num_threads, (1,))


def in_shares(work: Work, ranges: Sequence[tuple[int, int]], weights: Sequence[Tensor]) -> Results:
    """The results of all ranges together, differentiable in the weights where gradients are enabled.

    Sums are taken in the order of the ranges, whatever the threads do.
    """
    results: Results = _Shares.apply(work, ranges, torch.is_grad_enabled(), *weights)
    return results


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
            wanted = [
                (result, given)
                for result, given in zip(ctx.results[share], (of_energy[first:last], of_force, of_virial), strict=True)
                if result.requires_grad
            ]
            outputs, cotangents = zip(*wanted, strict=True)
            return torch.autograd.grad(outputs, ctx.weights, cotangents, allow_unused=True)

        parts = each_share(gradients, len(ctx.ranges))
        sums = []
        for of_weight in zip(*parts, strict=True):
            known = [gradient for gradient in of_weight if gradient is not None]
            sums.append(sum(known[1:], known[0]) if known else None)
        return None, None, None, *sums
