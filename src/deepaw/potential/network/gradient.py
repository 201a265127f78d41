"""A network of one output together with its gradient, and the gradient of a loss of both, written out.

A loss of energies and forces has derivatives e_i in the outputs E_i = net(x_i) and t_i in their gradients
g_i = dE_i/dx_i. Its gradient in x and in the weights is that of

    J = sum_i e_i E_i + t_i . g_i = sum_i e_i E_i + [dE_i(x_i + h t_i) / dh at h = 0]

so that it takes a pass with the tangents of all layers in the direction t, and one back (Pearlmutter, Neural
Computation 6, 147 (1994)): two thirds of what differentiating the differentiated network takes, without its copies.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.network.activation import find_activation
from deepaw.potential.network.derivatives import DERIVATIVES
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import add_product, product, transposed_product


def has_derivatives(net: FittingNet) -> bool:
    """Whether `with_gradient` can be taken of it."""
    return all(layer.activation.lower() in DERIVATIVES for layer in net.layers)


def with_gradient(
    net: FittingNet, x: Tensor, factor: Tensor, compute: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """net(x) (n,) of rows x (n, width), and the gradients (n, width) of factor * net(x), for factors (n,).

    Both are differentiable once, in x and in the weights. compute: of the products of all layers but the last
    (`network.products`).
    """
    weights = [weight for layer in net.layers for weight in layer.parameters()]
    value, gradient = _WithGradient.apply(net, x, factor, compute, *weights)
    return value, gradient


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, net: FittingNet, x: Tensor, factor: Tensor, compute: torch.dtype | None, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        *hidden, last = net.layers
        ctx.passes = passes = [*(_LayerPasses(layer, compute) for layer in hidden), _LayerPasses(last)]
        for layer in passes:
            x = layer.value(x)
        g = factor.unsqueeze(1).to(x)
        for layer in reversed(passes):
            g = layer.gradient(g)
        return x.squeeze(1), g

    @staticmethod
    def backward(ctx: Any, e: Tensor, t: Tensor) -> tuple[Tensor | None, ...]:
        passes = ctx.passes
        for layer in passes:
            t = layer.tangent(t)
        h = e.unsqueeze(1)
        for layer in reversed(passes):
            h = layer.reverse(h)
        weights: list[Tensor | None] = [None] * (len(ctx.needs_input_grad) - 4)
        if any(ctx.needs_input_grad[4:]):
            weights = list(chain.from_iterable(layer.weights() for layer in passes))
        return None, h, None, None, *weights


class _LayerPasses:
    """y = phi(z) * idt [+ x, or + (x, x)], z = x w + b, and its derivatives: `value`, `gradient`, `tangent`, `reverse`,
    `weights`, in this order.

    Names: E the output of the network times its factor, J as above; g = dE/dy, h = dJ/dy, a dot for tangents.
    """

    def __init__(self, layer: Layer, compute: torch.dtype | None = None) -> None:
        self._layer, self._compute = layer, compute
        name = layer.activation.lower()
        self._function, self._derivatives = find_activation(name), DERIVATIVES[name]

    def value(self, x: Tensor) -> Tensor:
        """y."""
        layer = self._layer
        self._x = x
        w, compute = layer.w, self._compute
        z = product(x, w, compute) if layer.b is None else add_product(layer.b, x, w, compute)
        self._value = self._function(z)
        self._first, self._second = self._derivatives(z, self._value)
        return self._onward(self._value, x)

    def gradient(self, g: Tensor) -> Tensor:
        """dE/dx."""
        self._g = g
        self._of_z = self._scaled(g * self._first)
        return self._back(self._of_z, g)

    def tangent(self, x: Tensor) -> Tensor:
        """That of y, from that of x."""
        self._x_dot = x
        self._z_dot = product(x, self._layer.w, self._compute)
        self._value_dot = self._first * self._z_dot
        return self._onward(self._value_dot, x)

    def reverse(self, h: Tensor) -> Tensor:
        """dJ/dx."""
        self._h = h
        self._of_z_twice = self._scaled((h * self._first).addcmul_(self._g * self._second, self._z_dot))
        return self._back(self._of_z_twice, h)

    def weights(self) -> list[Tensor]:
        """dJ/dw and so on, in the order of the layer's parameters."""
        # inputs and their tangents together: one product
        x, of_z = torch.cat([self._x, self._x_dot]), torch.cat([self._of_z_twice, self._of_z])
        found = {"w": transposed_product(x, of_z, self._compute), "b": self._of_z_twice.sum(0, keepdim=True)}
        if self._layer.idt is not None:
            found["idt"] = (self._h * self._value).addcmul_(self._g, self._value_dot).sum(0, keepdim=True)
        return [found[name] for name, _ in self._layer.named_parameters()]

    def _onward(self, a: Tensor, x: Tensor) -> Tensor:
        a = self._scaled(a)
        if self._layer.copies == 1:
            return a + x
        return a + torch.cat([x, x], dim=1) if self._layer.copies == 2 else a

    def _back(self, of_z: Tensor, of_y: Tensor) -> Tensor:
        """Derivative in x from those in z and y."""
        if self._layer.copies == 0:
            return product(of_z, self._layer.w.t(), self._compute)
        past = of_y if self._layer.copies == 1 else sum(of_y.chunk(2, dim=1))
        return add_product(past, of_z, self._layer.w.t(), self._compute)

    def _scaled(self, a: Tensor) -> Tensor:
        return a if self._layer.idt is None else a * self._layer.idt
