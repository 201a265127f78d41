"""One step on several threads.

The products of a step are small: splitting each of them leaves threads waiting for one another most of the time, and
much more where the system lets waiting threads sleep. Instead every thread works on a share of the atoms from
beginning to end, there and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

Results = tuple[Tensor, Tensor, Tensor]
Work = Callable[[int, int, bool], Results]
"""From a range of atoms, and whether a graph is wanted: atom energies, and parts of forces and virials that add up."""


def in_shares(work: Work, ranges: Sequence[tuple[int, int]], weights: Sequence[Tensor]) -> Results:
    """The results of all ranges together, differentiable in the weights where gradients are enabled.

    Sums are taken in the order of the ranges, whatever the threads do.
    """
    threads = torch.get_num_threads()
    try:
        results: Results = _Shares.apply(work, ranges, torch.is_grad_enabled(), *weights)
    finally:
        torch.set_num_threads(threads)
    return results


def _each(function: Callable[..., Any], arguments: Sequence[tuple]) -> list[Any]:
    """Call the function with each of the arguments, on a thread each which works alone."""
    with ThreadPoolExecutor(len(arguments), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return [waiting.result() for waiting in [pool.submit(function, *given) for given in arguments]]


class _Shares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: Work, ranges: Sequence[tuple[int, int]], training: bool, *weights: Tensor) -> Results:
        results = _each(work, [(first, last, training) for first, last in ranges])
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
        def share(results: Results, first: int, last: int) -> tuple[Tensor | None, ...]:
            wanted = [
                (result, given)
                for result, given in zip(results, (of_energy[first:last], of_force, of_virial), strict=True)
                if result.requires_grad
            ]
            outputs, cotangents = zip(*wanted, strict=True)
            return torch.autograd.grad(outputs, ctx.weights, cotangents, allow_unused=True)

        threads = torch.get_num_threads()
        try:
            parts = _each(share, [(result, *atoms) for result, atoms in zip(ctx.results, ctx.ranges, strict=True)])
        finally:
            torch.set_num_threads(threads)
        gradients = []
        for of_weight in zip(*parts, strict=True):
            known = [gradient for gradient in of_weight if gradient is not None]
            gradients.append(sum(known[1:], known[0]) if known else None)
        return None, None, None, *gradients
