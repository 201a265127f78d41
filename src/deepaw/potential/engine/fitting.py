"""Fitting nets with the gradient of their input, in one go."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.activation import find_activation
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import product
from deepaw.potential.network.tanh import fill_tanh


class FoldedFitting:
    """A fitting net of one type that reads `features`, of which its input x = (descriptor, parameters) is linear.

    layers: of the net, in float64. first: (features, outputs) and beside: (parameters, outputs), what features and
    parameters are multiplied by to give x w of the first layer, followed by x where that layer adds it
    (`first_weights`).
    """

    def __init__(self, layers: Sequence[Layer], first: Tensor, beside: Tensor, dtype: torch.dtype) -> None:
        self._first, self._beside = first.to(dtype), beside.to(dtype)
        self._first_back = self._first.T.contiguous()
        self._layers = [_Constants(layer, dtype) for layer in layers]
        self._width = layers[0].w.shape[1]

    def __call__(self, features: Tensor, beside: Tensor | None, factor: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The only output (n,), and its gradient (n, features), times `factor` (n,) if that is given."""
        outputs, slopes = self.forward(features, beside)
        start = torch.ones_like(outputs) if factor is None else factor.to(outputs).unsqueeze(1)
        return outputs.squeeze(1), self.backward(start, slopes)

    def forward(self, features: Tensor, beside: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """Outputs (n, outputs), and the slopes that `backward` needs."""
        both = product(features, self._first)
        if beside is not None:
            product(beside.to(both.dtype), self._beside, out=both, add=True)
        z, x = both[:, : self._width], both[:, self._width :]
        slopes = []
        for position, layer in enumerate(self._layers):
            x, slope = layer.forward(layer.product(x) if position else layer.shifted(z), x)
            slopes.append(slope)
        return x, slopes

    def backward(self, gradient: Tensor, slopes: Sequence[Tensor | None]) -> Tensor:
        """From d / d outputs (n, outputs) to d / d features (n, features)."""
        for layer, slope in zip(self._layers[:0:-1], slopes[:0:-1], strict=True):
            gradient = layer.through(*layer.backward(gradient, slope))
        of_z, of_x = self._layers[0].backward(gradient, slopes[0])
        of_product = of_z if of_x is None else torch.cat([of_z, of_x], dim=1)
        return product(of_product, self._first_back)


def first_weights(layer: Layer) -> Tensor:
    """What x is multiplied by for `FoldedFitting`: (inputs, outputs), w, followed by ones where the layer adds x."""
    w = layer.w.detach()
    return torch.cat([w, torch.eye(len(w), dtype=w.dtype)], dim=1) if layer.copies else w


class _Constants:
    """One layer without a graph."""

    def __init__(self, layer: Layer, dtype: torch.dtype) -> None:
        self._w = layer.w.detach().to(dtype)
        self._w_back = self._w.T.contiguous()
        self._b = None if layer.b is None else layer.b.detach().to(dtype)
        self._idt = None if layer.idt is None else layer.idt.detach().to(dtype)
        self._copies = layer.copies
        self._activation = layer.activation.lower()
        self._function = find_activation(layer.activation)

    def product(self, x: Tensor) -> Tensor:
        """x w + b."""
        if self._b is None:
            return product(x, self._w)
        return product(x, self._w, out=x.new_empty(len(x), self._w.shape[1]).copy_(self._b), add=True)

    def shifted(self, z: Tensor) -> Tensor:
        """z + b."""
        return z if self._b is None else z + self._b

    def forward(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The output for z = x w + b, and d output / dz apart from what is added to it; None for ones."""
        y, slope = self._activate(z)
        if self._idt is not None:
            y = y * self._idt
            slope = self._idt.expand_as(y) if slope is None else slope.mul_(self._idt)
        if self._copies:
            y = y + (x if self._copies == 1 else torch.cat([x, x], dim=1))
        return y, slope

    def backward(self, gradient: Tensor, slope: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """From d / d output to d / dz, and to d / dx of the x that is added, if it is."""
        of_z = gradient if slope is None else gradient * slope
        if self._copies == 2:
            first, second = gradient.chunk(2, dim=1)
            return of_z, first + second
        return of_z, gradient if self._copies else None

    def through(self, of_z: Tensor, of_x: Tensor | None) -> Tensor:
        """From d / dz to d / dx, with that of the x that is added."""
        if of_x is None:
            return product(of_z, self._w_back)
        return product(of_z, self._w_back, out=of_x.clone(), add=True)

    def _activate(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        if self._activation in ("none", "linear"):
            return z, None
        if self._activation == "tanh":
            z = z.contiguous()
            y, slope = torch.empty_like(z), torch.empty_like(z)
            fill_tanh(z, y, slope)
            return y, slope
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            y = self._function(z)
            (slope,) = torch.autograd.grad(y.sum(), z)
        return y.detach(), slope
