"""A network of one output together with its gradient, differentiable once: `deepaw.potential.network.passes`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.passes import GradientsOfWeights, NetPasses, weights_of


def with_gradient(
    net: FittingNet, x: Tensor, factor: Tensor, compute: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """net(x) (n,) of rows x (n, width), and the gradients (n, width) of factor * net(x), for factors (n,).

    Both are differentiable once, in x and in the weights. The net is one that `has_passes`. compute: as of `NetPasses`.
    """
    value, gradient = _WithGradient.apply(net, x, factor, compute, *weights_of(net))
    return value, gradient


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, net: FittingNet, x: Tensor, factor: Tensor, compute: torch.dtype | None, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.net, ctx.passes = net, NetPasses([net], [len(x)], compute)
        ctx.passes.x.copy_(x)
        ctx.passes.factor.copy_(factor)
        return ctx.passes.forward(), ctx.passes.backward()

    @staticmethod
    def backward(ctx: Any, e: Tensor, t: Tensor) -> tuple[Tensor | None, ...]:
        ctx.passes.x_dot.copy_(t)
        ctx.passes.e.copy_(e)
        h = ctx.passes.double_backward()
        if not any(ctx.needs_input_grad[4:]):
            return None, h, None, None, *(None for _ in ctx.needs_input_grad[4:])
        weights = [torch.empty_like(weight) for weight in weights_of(ctx.net)]
        GradientsOfWeights([ctx.passes], [weights]).run()
        return None, h, None, None, *weights
