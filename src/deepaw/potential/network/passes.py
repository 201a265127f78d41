"""The passes of a network of one output that a loss of its values and of their gradients takes.

A loss of energies and forces has derivatives e_i in the outputs E_i = net(x_i) and t_i in their gradients
g_i = dE_i/dx_i. Its gradient in x and in the weights is that of

    J = sum_i e_i E_i + t_i . g_i = sum_i e_i E_i + [dE_i(x_i + h t_i) / dh at h = 0]

so that after the value and the gradient it takes a pass with the tangents of all layers in the direction t, and one
back (Pearlmutter, Neural Computation 6, 147 (1994)): two thirds of the products that differentiating the
differentiated network takes.

Names: g = dE/dy, h = dJ/dy, a dot for tangents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.activation import find_activation
from deepaw.potential.network.derivatives import DERIVATIVES
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import add_product, product, transposed_product


def has_passes(net: FittingNet) -> bool:
    """Whether all its activation functions have derivatives."""
    return all(layer.activation.lower() in DERIVATIVES for layer in _layers(net))


def weights_of(net: FittingNet) -> list[Tensor]:
    """In the order of `gradients_of_weights`."""
    return [weight for layer in _layers(net) for weight in layer.parameters()]


class NetPasses:
    """The passes of a network on some rows, in this order: `value`, `gradient`, `tangent`, `reverse`."""

    def __init__(self, net: FittingNet, compute: torch.dtype | None = None) -> None:
        """compute: of the products of all layers but the last (`network.products`)."""
        *hidden, last = _layers(net)
        self.layers = [*(LayerPasses(layer, compute) for layer in hidden), LayerPasses(last)]

    def value(self, x: Tensor) -> Tensor:
        """E (n,) of rows x (n, width)."""
        for layer in self.layers:
            x = layer.value(x)
        return x.squeeze(1)

    def gradient(self, factor: Tensor) -> Tensor:
        """g (n, width), of E times factors (n,)."""
        g = factor.unsqueeze(1)
        for layer in reversed(self.layers):
            g = layer.gradient(g)
        return g

    def reverse(self, e: Tensor, t: Tensor) -> Tensor:
        """dJ/dx (n, width)."""
        for layer in self.layers:
            t = layer.tangent(t)
        h = e.unsqueeze(1)
        for layer in reversed(self.layers):
            h = layer.reverse(h)
        return h


def gradients_of_weights(passes: Sequence[NetPasses], out: Sequence[Tensor], part: int = 0, parts: int = 1) -> None:
    """dJ/d(weights), after `reverse`, of the rows of all passes through one net; one of several parts of the work.

    out: like `weights_of`.
    """
    position = 0
    for layers in zip(*(each.layers for each in passes), strict=True):
        position += _gradients(layers, out[position:], part, parts)


def _gradients(passes: Sequence[LayerPasses], out: Sequence[Tensor], part: int, parts: int) -> int:
    """Those of one layer; returns how many tensors it has."""
    named = [name for name, _ in passes[0].layer.named_parameters()]
    for name, found in zip(named, out, strict=False):
        if name == "w":
            rows = slice(len(found) * part // parts, len(found) * (part + 1) // parts)
            if rows.start == rows.stop:
                continue
            # inputs and their tangents together: one product
            x = torch.cat([x[:, rows] for each in passes for x in (each.x, each.x_dot)])
            of_z = torch.cat([of_z for each in passes for of_z in (each.h_z, each.g_z)])
            transposed_product(x, of_z, found[rows], passes[0].compute)
        elif part == 0 and name == "b":
            torch.sum(torch.cat([each.h_z for each in passes]), 0, keepdim=True, out=found)
        elif part == 0:
            torch.sum(torch.cat([each.of_timestep() for each in passes]), 0, keepdim=True, out=found)
    return len(named)


def _layers(net: FittingNet) -> list[Layer]:
    return list(net.layers)  # type: ignore[arg-type]


class LayerPasses:
    """The same passes through one layer, y = phi(z) * idt [+ x, or + (x, x)] with z = x w + b.

    x, x_dot: inputs and their tangents. g_z, h_z: dE/dz, dJ/dz.
    """

    def __init__(self, layer: Layer, compute: torch.dtype | None = None) -> None:
        self.layer, self.compute = layer, compute
        name = layer.activation.lower()
        self._function, self._derivatives = find_activation(name), DERIVATIVES[name]

    def value(self, x: Tensor) -> Tensor:
        """y."""
        layer = self.layer
        self.x = x
        z = product(x, layer.w, self.compute) if layer.b is None else add_product(layer.b, x, layer.w, self.compute)
        self._value = self._function(z)
        self._first, self._second = self._derivatives(z, self._value)
        return self._onward(self._value, x)

    def gradient(self, g: Tensor) -> Tensor:
        """dE/dx."""
        self._g = g
        self.g_z = self._scaled(g * self._first)
        return self._back(self.g_z, g)

    def tangent(self, x: Tensor) -> Tensor:
        """That of y, from that of x."""
        self.x_dot = x
        self._z_dot = product(x, self.layer.w, self.compute)
        self._value_dot = self._first * self._z_dot
        return self._onward(self._value_dot, x)

    def reverse(self, h: Tensor) -> Tensor:
        """dJ/dx."""
        self._h = h
        self.h_z = self._scaled((h * self._first).addcmul_(self._g * self._second, self._z_dot))
        return self._back(self.h_z, h)

    def of_timestep(self) -> Tensor:
        """What adds up to dJ/d(idt) over rows."""
        return (self._h * self._value).addcmul_(self._g, self._value_dot)

    def _onward(self, a: Tensor, x: Tensor) -> Tensor:
        a = self._scaled(a)
        if self.layer.copies == 1:
            return a + x
        return a + torch.cat([x, x], dim=1) if self.layer.copies == 2 else a

    def _back(self, of_z: Tensor, of_y: Tensor) -> Tensor:
        """Derivative in x from those in z and y."""
        if self.layer.copies == 0:
            return product(of_z, self.layer.w.t(), self.compute)
        past = of_y if self.layer.copies == 1 else of_y.unflatten(1, (2, -1)).sum(1)
        return add_product(past, of_z, self.layer.w.t(), self.compute)

    def _scaled(self, a: Tensor) -> Tensor:
        return a if self.layer.idt is None else a * self.layer.idt
