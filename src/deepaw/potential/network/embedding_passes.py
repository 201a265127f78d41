"""Forward and backward through embedding nets at fixed inputs, as on the nodes of a spectral basis, without graphs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.derivatives import DERIVATIVES, find_fill_function
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import bound_batch_product


class EmbeddingPasses:
    """Forward and backward passes through embedding nets, for a loss J of their values y.

    Call `forward`, then `backward`; they read the weights at the time of the call, and buffers are reused.

    y: values of the nets, (networks, n, M), result of `forward`.
    adjoint_y: dJ/dy, (networks, n, M), for the caller to fill before `backward`.
    """

    def __init__(self, nets: EmbeddingNets, x: Tensor, gradients: Sequence[Tensor]) -> None:
        """x: inputs, (networks, n), as in `EmbeddingNets.forward`. gradients: memory like the parameters of the nets,
        which `backward` fills with dJ/d(weights)."""
        remaining = iter(gradients)
        layer_x, adjoint_x = x.unsqueeze(-1), None
        self._layers = []
        for layer in nets.layers:
            assert isinstance(layer, Layer)
            layer_gradients = {name: next(remaining) for name, _ in layer.named_parameters()}
            self._layers.append(_LayerPasses(layer, layer_x, adjoint_x, layer_gradients))
            layer_x, adjoint_x = self._layers[-1].y, self._layers[-1].adjoint_y
        self.y, self.adjoint_y = self._layers[-1].y, self._layers[-1].adjoint_y

    @staticmethod
    def supports(nets: EmbeddingNets) -> bool:
        """Whether the derivatives of all activation functions of the nets are implemented."""
        return all(str(layer.activation).lower() in DERIVATIVES for layer in nets.layers)

    def forward(self) -> None:
        """Compute y."""
        for layer in self._layers:
            layer.forward()

    def backward(self) -> None:
        """Compute dJ/d(weights) from dJ/dy."""
        for layer in reversed(self._layers):
            layer.backward()


class _LayerPasses:
    """Passes through y = phi(z) * idt [+ x, or + (x, x)], z = x w + b, arrays of shape (networks, n, width).

    adjoint_z = adjoint_y phi'(z) idt, adjoint_x = adjoint_z w^T [+ adjoint_y].
    """

    def __init__(self, layer: Layer, x: Tensor, adjoint_x: Tensor | None, gradients: dict[str, Tensor]) -> None:
        """adjoint_x: memory for dJ/dx, or None where it is not needed. gradients: memory for dJ/d(weights), by name."""
        self._layer, self._x, self._adjoint_x, self._gradients = layer, x, adjoint_x, gradients
        shape = (*x.shape[:2], layer.w.shape[-1])
        self.y, self.adjoint_y, self._z, self._phi, self._dphi, self._d2phi, self._adjoint_z = (
            layer.w.new_empty(shape) for _ in range(7)
        )
        self._fill = find_fill_function(layer.activation)
        with torch.no_grad():
            self._multiply = bound_batch_product(x, layer.w, self._z, add=layer.b is not None)
            self._compute_grad_w = bound_batch_product(x.transpose(1, 2), self._adjoint_z, gradients["w"])
            if adjoint_x is not None:
                w = layer.w.transpose(1, 2)
                self._multiply_transposed = bound_batch_product(self._adjoint_z, w, adjoint_x, add=layer.copies > 0)

    def forward(self) -> None:
        layer, copies = self._layer, self._layer.copies
        if layer.b is not None:
            self._z.copy_(layer.b.detach())
        self._multiply()
        self._fill(self._z, self._phi, self._dphi, self._d2phi)
        value = self._phi if layer.idt is None else torch.mul(self._phi, layer.idt.detach(), out=self.y)
        if copies:
            value_copies, y_copies = (tensor.unflatten(2, (copies, -1)) for tensor in (value, self.y))
            torch.add(self._x.unsqueeze(2), value_copies, out=y_copies)
        elif layer.idt is None:
            self.y.copy_(value)

    def backward(self) -> None:
        layer, gradients = self._layer, self._gradients
        torch.mul(self.adjoint_y, self._dphi, out=self._adjoint_z)
        if layer.idt is not None:
            torch.sum(self.adjoint_y * self._phi, 1, keepdim=True, out=gradients["idt"])
            self._adjoint_z.mul_(layer.idt.detach())
        if layer.b is not None:
            torch.sum(self._adjoint_z, 1, keepdim=True, out=gradients["b"])
        self._compute_grad_w()
        if self._adjoint_x is None:
            return
        if layer.copies == 1:
            self._adjoint_x.copy_(self.adjoint_y)
        elif layer.copies == 2:
            torch.sum(self.adjoint_y.unflatten(2, (2, -1)), 2, out=self._adjoint_x)
        self._multiply_transposed()
