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
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from deepaw.potential.network.activation import find_fast_activation
from deepaw.potential.network.derivatives import DERIVATIVES
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import product


def has_passes(net: FittingNet) -> bool:
    """Whether all its activation functions have derivatives."""
    return all(layer.activation.lower() in DERIVATIVES for layer in _layers(net))


def weights_of(net: FittingNet) -> list[Tensor]:
    """In the order of `gradients_of_weights`."""
    return [weight for layer in _layers(net) for weight in layer.parameters()]


class NetPasses:
    """The passes of nets of one architecture, each on rows of its own, in this order: `value`, `gradient`, `reverse`.

    x, x_dot: (rows, width), for the caller to fill: what goes in before `value`, and its tangents before `reverse`.
    """

    def __init__(self, nets: Sequence[FittingNet], counts: Sequence[int], compute: torch.dtype | None = None) -> None:
        """counts: how many rows each net has, one after the other. compute: of the products of all layers but the last
        (`network.products`)."""
        *hidden, last = zip(*(_layers(net) for net in nets), strict=True)
        self.layers = [*(LayerPasses(layers, counts, compute) for layers in hidden), LayerPasses(last, counts)]
        self.x, self.x_dot = self.layers[0].x, self.layers[0].x_dot

    def value(self) -> Tensor:
        """E (rows,)."""
        for layer, following in pairwise(self.layers):
            layer.value(following.x)
        return self.layers[-1].value().squeeze(1)

    def gradient(self, factor: Tensor) -> Tensor:
        """g (rows, width), of E times factors (rows,)."""
        g = factor.unsqueeze(1)
        for layer in reversed(self.layers):
            g = layer.gradient(g)
        return g

    def reverse(self, e: Tensor) -> Tensor:
        """dJ/dx (rows, width)."""
        for layer, following in pairwise(self.layers):
            layer.tangent(following.x_dot)
        self.layers[-1].tangent()
        h = e.unsqueeze(1)
        for layer in reversed(self.layers):
            h = layer.reverse(h)
        return h


def gradients_of_weights(
    passes: Sequence[NetPasses], out: Sequence[Sequence[Tensor]], part: int = 0, parts: int = 1
) -> None:
    """dJ/d(weights), after `reverse`, of the rows of all passes through the same nets; a part of the work.

    out: like `weights_of` of each net.
    """
    places = [iter(of_net) for of_net in out]
    for layers in zip(*(each.layers for each in passes), strict=True):
        for number, layer in enumerate(layers[0].layers):
            for name, _ in layer.named_parameters():
                found = next(places[number])
                if name == "w":
                    columns = slice(len(found) * part // parts, len(found) * (part + 1) // parts)
                    _add_up(layers, number, columns, found[columns])
                elif part == 0:
                    rows = [each.of_bias(number) if name == "b" else each.of_timestep(number) for each in layers]
                    torch.sum(torch.cat(rows), 0, keepdim=True, out=found)


def _add_up(passes: Sequence[LayerPasses], number: int, columns: slice, out: Tensor) -> None:
    """out = dJ/dw of net `number`, for some columns of the inputs."""
    for position, each in enumerate(passes):
        x, of_z = each.both(number)
        product(x[:, columns].t(), of_z, each.compute, out=out, add=position > 0)


def _layers(net: FittingNet) -> list[Layer]:
    return list(net.layers)  # type: ignore[arg-type]


class LayerPasses:
    """The same passes through one layer of each net, y = phi(z) * idt [+ x, or + (x, x)] with z = x w + b.

    rows: of each net. x, x_dot: (rows, width), inputs and their tangents. g_z, h_z: (rows, outputs), dE/dz, dJ/dz.
    """

    def __init__(self, layers: Sequence[Layer], counts: Sequence[int], compute: torch.dtype | None = None) -> None:
        self.layers, self.compute = layers, compute
        ends = list(accumulate(counts, initial=0))
        self.rows = [slice(*ends_of) for ends_of in pairwise(ends)]
        # in turns, as two rows of each atom: what they add to dJ/dw is one product then
        self._inputs, self._of_z = (layers[0].w.new_empty(ends[-1], 2, width) for width in layers[0].w.shape)
        self.x, self.x_dot = self._inputs.unbind(1)
        self.h_z, self.g_z = self._of_z.unbind(1)
        self._copies = layers[0].copies
        self._timestep = None
        if layers[0].idt is not None:
            self._timestep = torch.cat([_row(layer.idt).expand(n, -1) for layer, n in zip(layers, counts, strict=True)])
        name = layers[0].activation.lower()
        self._function, self._derivatives = find_fast_activation(name), DERIVATIVES[name]

    def value(self, out: Tensor | None = None) -> Tensor:
        """y, of the inputs."""
        z = self.g_z.new_empty(self.g_z.shape)
        for layer, rows in zip(self.layers, self.rows, strict=True):
            if layer.b is not None:
                z[rows] = layer.b
            product(self.x[rows], layer.w, self.compute, out=z[rows], add=layer.b is not None)
        self._value = self._function(z)
        self._first, self._second = self._derivatives(z, self._value)
        return self._onward(self._value, self.x, out)

    def gradient(self, g: Tensor) -> Tensor:
        """dE/dx."""
        self._g = g
        return self._back(self._scaled(torch.mul(g, self._first, out=self.g_z)), g)

    def tangent(self, out: Tensor | None = None) -> Tensor:
        """That of y, from the tangents of the inputs."""
        self._z_dot = self.g_z.new_empty(self.g_z.shape)
        for layer, rows in zip(self.layers, self.rows, strict=True):
            product(self.x_dot[rows], layer.w, self.compute, out=self._z_dot[rows])
        return self._onward(self._first * self._z_dot, self.x_dot, out)

    def reverse(self, h: Tensor) -> Tensor:
        """dJ/dx."""
        self._h = h
        torch.mul(h, self._first, out=self.h_z).addcmul_(self._g * self._second, self._z_dot)
        return self._back(self._scaled(self.h_z), h)

    def both(self, number: int) -> tuple[Tensor, Tensor]:
        """Inputs of a net and their tangents, (2 rows, width), and dJ/dz, dE/dz (2 rows, outputs)."""
        rows = self.rows[number]
        return self._inputs[rows].flatten(0, 1), self._of_z[rows].flatten(0, 1)

    def of_bias(self, number: int) -> Tensor:
        """What adds up to dJ/db of a net over rows."""
        return self.h_z[self.rows[number]]

    def of_timestep(self, number: int) -> Tensor:
        """What adds up to dJ/d(idt) of a net over rows."""
        rows = self.rows[number]
        value_dot = self._first[rows] * self._z_dot[rows]
        return (self._h[rows] * self._value[rows]).addcmul_(self._g[rows], value_dot)

    def _scaled(self, of_z: Tensor) -> Tensor:
        return of_z if self._timestep is None else of_z.mul_(self._timestep)

    def _onward(self, a: Tensor, x: Tensor, out: Tensor | None) -> Tensor:
        """a * idt [+ x, or + (x, x)]."""
        if self._copies == 0:
            result = a if self._timestep is None else a * self._timestep
            return result if out is None else out.copy_(result)
        past = x if self._copies == 1 else x.repeat(1, 2)
        if self._timestep is None:
            return torch.add(past, a, out=out)
        return torch.addcmul(past, a, self._timestep, out=out)

    def _back(self, of_z: Tensor, of_y: Tensor) -> Tensor:
        """Derivative in x from those in z and y."""
        out = self.x.new_empty(self.x.shape)
        if self._copies:
            out.copy_(of_y if self._copies == 1 else of_y.unflatten(1, (2, -1)).sum(1))
        for layer, rows in zip(self.layers, self.rows, strict=True):
            product(of_z[rows], layer.w.t(), self.compute, out=out[rows], add=self._copies > 0)
        return out


def _row(timestep: Tensor | None) -> Tensor:
    assert timestep is not None  # of all layers or of none
    return timestep
