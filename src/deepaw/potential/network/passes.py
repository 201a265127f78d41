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

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from deepaw.potential.network.derivatives import DERIVATIVES, find_filling
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import bound_product

Calls = list[Callable[[], object]]


def has_passes(net: FittingNet) -> bool:
    """Whether all its activation functions have derivatives."""
    return all(layer.activation.lower() in DERIVATIVES for layer in _layers(net))


def weights_of(net: FittingNet) -> list[Tensor]:
    """In the order of `GradientsOfWeights`."""
    return [weight for layer in _layers(net) for weight in layer.parameters()]


class NetPasses:
    """The passes of nets of one architecture, each on rows of its own, in this order: `forward`, `backward`, `double_backward`;
    again and again, with the weights as they are then, in the same memory.

    x, x_dot: (rows, width), for the caller to fill: what goes in before `forward`, and its tangents before `double_backward`.
    g, h: (rows, width), what `backward` and `double_backward` find. factor, e: (rows,), for the caller to fill before these.
    """

    def __init__(
        self,
        nets: Sequence[FittingNet],
        counts: Sequence[int],
        compute: torch.dtype | None = None,
        first: Sequence[Tensor] | None = None,
    ) -> None:
        """counts: how many rows each net has, one after the other. compute: of the products of all layers but the last
        (`network.products`). first: matrices (width, outputs) that the first layers multiply by instead of by their
        own."""
        of_layers = list(zip(*(_layers(net) for net in nets), strict=True))
        weights = [[layer.w for layer in layers] for layers in of_layers]
        if first is not None:
            weights[0] = list(first)
        self.factor, self.e = (weights[0][0].new_empty(sum(counts)) for _ in range(2))
        # from the last layer on: gradients come from the layer behind
        of_y = self.factor.unsqueeze(1), self.e.unsqueeze(1)
        following: LayerPasses | None = None
        self.layers: list[LayerPasses] = []
        for number, (layers, w) in reversed(list(enumerate(zip(of_layers, weights, strict=True)))):
            last = number == len(weights) - 1
            following = LayerPasses(layers, w, counts, *of_y, None if last else compute, following)
            of_y = following.g, following.h
            self.layers.insert(0, following)
        assert following is not None
        self.x, self.x_dot, self.g, self.h = following.x, following.x_dot, following.g, following.h

    def forward(self) -> Tensor:
        """E (rows,)."""
        for layer in self.layers:
            layer.forward()
        return self.layers[-1].y.squeeze(1)

    def backward(self) -> Tensor:
        """g, of E times factors."""
        for layer in reversed(self.layers):
            layer.backward()
        return self.g

    def double_backward(self) -> Tensor:
        """h = dJ/dx."""
        for layer in self.layers:
            layer.jvp()
        for layer in reversed(self.layers):
            layer.double_backward()
        return self.h


class GradientsOfWeights:
    """dJ/d(weights), after `double_backward`, of the rows of all passes through the same nets; a part of the work.

    out: like `weights_of` of each net, but for the first of them where the passes have `first`.
    """

    def __init__(
        self, passes: Sequence[NetPasses], out: Sequence[Sequence[Tensor]], part: int = 0, parts: int = 1
    ) -> None:
        self._calls: Calls = []
        places = [iter(of_net) for of_net in out]
        for layers in zip(*(each.layers for each in passes), strict=True):
            for number, layer in enumerate(layers[0].layers):
                for name, _ in layer.named_parameters():
                    found = next(places[number])
                    if name == "w":
                        columns = slice(len(found) * part // parts, len(found) * (part + 1) // parts)
                        self._add_up(layers, number, columns, found[columns])
                    elif part == 0:
                        self._sum_up(name, layers, number, found)

    def run(self) -> None:
        """Fill `out`."""
        for call in self._calls:
            call()

    def _add_up(self, passes: Sequence[LayerPasses], number: int, columns: slice, out: Tensor) -> None:
        """out = dJ/dw of net `number`, for some columns of the inputs."""
        for position, each in enumerate(passes):
            x, of_z = each.both(number)
            self._calls.append(bound_product(x[:, columns].t(), of_z, out, each.compute, add=position > 0))

    def _sum_up(self, name: str, passes: Sequence[LayerPasses], number: int, out: Tensor) -> None:
        """out = dJ/db, or dJ/d(idt), of net `number`."""
        if name == "idt" and number == 0:
            self._calls += [each.find_of_timestep for each in passes]
        for position, each in enumerate(passes):
            rows = (each.h_z if name == "b" else each.of_timestep)[each.rows[number]]
            # sums over rows as products, which take less time
            self._calls.append(bound_product(rows.new_ones(1, len(rows)), rows, out, add=position > 0))


def _layers(net: FittingNet) -> list[Layer]:
    return list(net.layers)  # type: ignore[arg-type]


class LayerPasses:
    """The same passes through one layer of each net, y = phi(z) * idt [+ x, or + (x, x)] with z = x w + b.

    x, x_dot: (rows, width), inputs and their tangents. g_z, h_z: (rows, outputs), dE/dz, dJ/dz. g, h: (rows, width),
    dE/dx, dJ/dx. y, y_dot: (rows, outputs), the inputs of the layer behind, if there is one.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        weights: Sequence[Tensor],
        counts: Sequence[int],
        g_y: Tensor,
        h_y: Tensor,
        compute: torch.dtype | None,
        following: LayerPasses | None,
    ) -> None:
        """weights: w of each net. counts: its rows. g_y, h_y: (rows, outputs), dE/dy and dJ/dy, where they will be."""
        self.layers, self.compute = layers, compute
        ends = list(accumulate(counts, initial=0))
        self.rows = [slice(*ends_of) for ends_of in pairwise(ends)]
        width, outputs = weights[0].shape
        new, n = weights[0].new_empty, ends[-1]
        # in turns, as two rows of each atom: what they add to dJ/dw is one product then
        self._inputs, self._of_z = new(n, 2, width), new(n, 2, outputs)
        self.x, self.x_dot = self._inputs.unbind(1)
        self.h_z, self.g_z = self._of_z.unbind(1)
        self.g, self.h = new(n, width), new(n, width)
        self._g_y, self._h_y = g_y, h_y
        self.y, self.y_dot = (new(n, outputs), new(n, outputs)) if following is None else (following.x, following.x_dot)
        self._z, self._value, self._first, self._second, self._z_dot, self._bend = (new(n, outputs) for _ in range(6))
        self._copies = layers[0].copies
        self._timestep = None if layers[0].idt is None else new(n, outputs)
        self.of_timestep = new(n if layers[0].idt is not None else 0, outputs)
        self._fill = find_filling(layers[0].activation)
        with torch.no_grad():
            self._bind(weights)

    def _bind(self, weights: Sequence[Tensor]) -> None:
        residual = self._copies > 0
        self._products: dict[str, Calls] = {"z": [], "z_dot": [], "g": [], "h": []}
        self._constants: list[tuple[Tensor, Tensor]] = []
        for layer, w, rows in zip(self.layers, weights, self.rows, strict=True):
            if rows.start == rows.stop:
                continue
            biased = layer.b is not None
            for name, a, b, out, add in (
                ("z", self.x, w, self._z, biased),
                ("z_dot", self.x_dot, w, self._z_dot, False),
                ("g", self.g_z, w.t(), self.g, residual),
                ("h", self.h_z, w.t(), self.h, residual),
            ):
                self._products[name].append(bound_product(a[rows], b, out[rows], self.compute, add=add))
            if layer.b is not None:
                self._constants.append((self._z[rows], layer.b.detach()))
            if layer.idt is not None and self._timestep is not None:
                self._constants.append((self._timestep[rows], layer.idt.detach()))

    def forward(self) -> None:
        """y, of the inputs."""
        for place, constant in self._constants:
            place.copy_(constant)
        self._multiply("z")
        self._fill(self._z, self._value, self._first, self._second)
        self._onward(self._value, self.x, self.y)

    def backward(self) -> None:
        """dE/dx."""
        torch.mul(self._g_y, self._first, out=self.g_z)
        self._back("g", self.g_z, self._g_y, self.g)

    def jvp(self) -> None:
        """That of y, from the tangents of the inputs."""
        self._multiply("z_dot")
        torch.mul(self._first, self._z_dot, out=self._bend)
        self._onward(self._bend, self.x_dot, self.y_dot)

    def double_backward(self) -> None:
        """dJ/dx."""
        torch.mul(self._g_y, self._second, out=self._bend)
        torch.mul(self._h_y, self._first, out=self.h_z).addcmul_(self._bend, self._z_dot)
        self._back("h", self.h_z, self._h_y, self.h)

    def both(self, number: int) -> tuple[Tensor, Tensor]:
        """Inputs of a net and their tangents, (2 rows, width), and dJ/dz, dE/dz (2 rows, outputs)."""
        rows = self.rows[number]
        return self._inputs[rows].flatten(0, 1), self._of_z[rows].flatten(0, 1)

    def find_of_timestep(self) -> None:
        """What adds up to dJ/d(idt) over rows, in `of_timestep`."""
        torch.mul(self._h_y, self._value, out=self.of_timestep)
        # y = phi * idt, and its tangent is phi' z_dot * idt
        torch.mul(self._first, self._z_dot, out=self._bend)
        self.of_timestep.addcmul_(self._g_y, self._bend)

    def _multiply(self, name: str) -> None:
        for call in self._products[name]:
            call()

    def _onward(self, a: Tensor, x: Tensor, out: Tensor) -> None:
        """out = a * idt [+ x, or + (x, x)]."""
        if self._copies == 0:
            out.copy_(a)
            if self._timestep is not None:
                out.mul_(self._timestep)
            return
        past = x if self._copies == 1 else x.repeat(1, 2)
        if self._timestep is None:
            torch.add(past, a, out=out)
        else:
            torch.addcmul(past, a, self._timestep, out=out)

    def _back(self, name: str, of_z: Tensor, of_y: Tensor, out: Tensor) -> None:
        """out = derivative in x, from those in z, before its timestep, and in y."""
        if self._timestep is not None:
            of_z.mul_(self._timestep)
        if self._copies:
            out.copy_(of_y) if self._copies == 1 else torch.sum(of_y.unflatten(1, (2, -1)), 1, out=out)
        self._multiply(name)
