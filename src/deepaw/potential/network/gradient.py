"""A network of one output together with its gradient, differentiable once, by `deepaw.potential.network.passes`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.passes import NetPasses, WeightGradients, net_weights


def with_gradient(
    net: FittingNet, x: Tensor, factor: Tensor, compute: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """Compute net(x) (n,) of rows x (n, width), and the gradients (n, width) of factor * net(x), for factors (n,).

    Value and gradient are differentiable once, in x and in the weights. The net has to satisfy `has_passes`. compute:
    see `NetPasses`.
    """
    value, gradient = _WithGradient.apply(net, x, factor, compute, *net_weights(net))
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
    def backward(ctx: Any, grad_energy: Tensor, tangent_x: Tensor) -> tuple[Tensor | None, ...]:
        ctx.passes.tangent_x.copy_(tangent_x)
        ctx.passes.grad_energy.copy_(grad_energy)
        adjoint_x = ctx.passes.double_backward()
        if not any(ctx.needs_input_grad[4:]):
            return None, adjoint_x, None, None, *(None for _ in ctx.needs_input_grad[4:])
        gradients = [torch.empty_like(weight) for weight in net_weights(ctx.net)]
        WeightGradients([ctx.passes], [gradients]).run()
        return None, adjoint_x, None, None, *gradients
