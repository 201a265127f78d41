"""Fitting nets with frozen weights: outputs, and gradients of the input features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.activation import find_activation
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import product
from deepaw.potential.network.tanh import fill_tanh


class FoldedFitting:
    """Fitting net of one type whose input x = (descriptor, parameters) is a linear function of `features`.

    layers: of the net, in float64. feature_weights: (features, outputs), parameter_weights: (parameters, outputs);
    features and parameters times these are x w of the first layer, followed by x if that layer adds it
    (`input_weights`).
    """

    def __init__(
        self, layers: Sequence[Layer], feature_weights: Tensor, parameter_weights: Tensor, dtype: torch.dtype
    ) -> None:
        self.feature_weights = feature_weights.to(dtype)
        self.parameter_weights = parameter_weights.to(dtype)
        self._feature_weights_transposed = self.feature_weights.T.contiguous()
        self.layers = [FrozenLayer(layer, dtype) for layer in layers]
        self._width = layers[0].w.shape[1]

    def __call__(
        self, features: Tensor, parameters: Tensor | None, factor: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the only output (n,), and its gradient (n, features), times `factor` (n,) if that is given."""
        outputs, slopes = self.forward(features, parameters)
        start = torch.ones_like(outputs) if factor is None else factor.to(outputs).unsqueeze(1)
        return outputs.squeeze(1), self.backward(start, slopes)

    def forward(self, features: Tensor, parameters: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """Compute outputs (n, outputs), and the derivatives of the activations, for `backward`."""
        zx = product(features, self.feature_weights)
        if parameters is not None:
            product(parameters.to(zx.dtype), self.parameter_weights, out=zx, add=True)
        z, x = zx[:, : self._width], zx[:, self._width :]
        slopes = []
        for position, layer in enumerate(self.layers):
            x, slope = layer.forward(layer.product(x) if position else layer.add_bias(z), x)
            slopes.append(slope)
        return x, slopes

    def backward(self, grad_y: Tensor, slopes: Sequence[Tensor | None]) -> Tensor:
        """Compute dE/d(features) (n, features) from dE/d(outputs) (n, outputs)."""
        for layer, slope in zip(self.layers[:0:-1], slopes[:0:-1], strict=True):
            grad_y = layer.backward_product(*layer.backward(grad_y, slope))
        grad_z, grad_x = self.layers[0].backward(grad_y, slopes[0])
        grad_zx = grad_z if grad_x is None else torch.cat([grad_z, grad_x], dim=1)
        return product(grad_zx, self._feature_weights_transposed)


def input_weights(layer: Layer) -> Tensor:
    """Return the weights of x for `FoldedFitting`, (inputs, outputs): w, then the unit matrix if the layer adds x."""
    w = layer.w.detach()
    return torch.cat([w, torch.eye(len(w), dtype=w.dtype)], dim=1) if layer.copies else w


class FrozenLayer:
    """Layer of a net with constant weights, without an autograd graph."""

    def __init__(self, layer: Layer, dtype: torch.dtype) -> None:
        self.w = layer.w.detach().to(dtype)
        self._w_transposed = self.w.T.contiguous()
        self.b = None if layer.b is None else layer.b.detach().to(dtype)
        self.idt = None if layer.idt is None else layer.idt.detach().to(dtype)
        self.copies = layer.copies
        self.activation = layer.activation.lower()
        self._function = find_activation(layer.activation)

    def product(self, x: Tensor) -> Tensor:
        """Compute z = x w + b."""
        if self.b is None:
            return product(x, self.w)
        return product(x, self.w, out=x.new_empty(len(x), self.w.shape[1]).copy_(self.b), add=True)

    def add_bias(self, z: Tensor) -> Tensor:
        """Compute z + b."""
        return z if self.b is None else z + self.b

    def forward(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute the output y for z = x w + b, and dy/dz without the term that is x itself; None if it is 1."""
        y, slope = self._activate(z)
        if self.idt is not None:
            y = y * self.idt
            slope = self.idt.expand_as(y) if slope is None else slope.mul_(self.idt)
        if self.copies:
            y = y + (x if self.copies == 1 else torch.cat([x, x], dim=1))
        return y, slope

    def backward(self, grad_y: Tensor, slope: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Compute dE/dz and the gradient of the x that is added, or None, from dE/dy."""
        grad_z = grad_y if slope is None else grad_y * slope
        if self.copies == 2:
            first, second = grad_y.chunk(2, dim=1)
            return grad_z, first + second
        return grad_z, grad_y if self.copies else None

    def backward_product(self, grad_z: Tensor, grad_x: Tensor | None) -> Tensor:
        """Compute dE/dx from dE/dz and the gradient of the x that is added."""
        if grad_x is None:
            return product(grad_z, self._w_transposed)
        return product(grad_z, self._w_transposed, out=grad_x.clone(), add=True)

    def _activate(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.activation in ("none", "linear"):
            return z, None
        if self.activation == "tanh":
            z = z.contiguous()
            y, slope = torch.empty_like(z), torch.empty_like(z)
            fill_tanh(z, y, slope)
            return y, slope
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            y = self._function(z)
            (slope,) = torch.autograd.grad(y.sum(), z)
        return y.detach(), slope
