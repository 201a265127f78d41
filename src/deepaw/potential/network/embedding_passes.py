"""The passes of embedding nets, there and back, that a loss of their values takes.

`EmbeddingNets` of fixed inputs, as on the nodes of a spectral basis, and their derivative written out, where h = dJ/dy.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.derivatives import DERIVATIVES, find_filling
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import bound_batch_product


class EmbeddingPasses:
    """`forward` and then `backward`, without graphs; again and again, in the same memory, with weights as they are then.

    y, h: (networks, n, M), what the nets are at the inputs, and dJ/dy, for the caller to fill before `backward`.
    """

    def __init__(self, nets: EmbeddingNets, x: Tensor, gradients: Sequence[Tensor]) -> None:
        """x: (networks, n), as of `EmbeddingNets.forward`. gradients: like its parameters, what `backward` fills."""
        places = iter(gradients)
        given, of_given = x.unsqueeze(-1), None
        self._layers = []
        for layer in nets.layers:
            assert isinstance(layer, Layer)
            found = {name: next(places) for name, _ in layer.named_parameters()}
            self._layers.append(_LayerPasses(layer, given, of_given, found))
            given, of_given = self._layers[-1].y, self._layers[-1].h
        self.y, self.h = self._layers[-1].y, self._layers[-1].h

    @staticmethod
    def can_pass(nets: EmbeddingNets) -> bool:
        """Whether all activation functions have derivatives."""
        return all(str(layer.activation).lower() in DERIVATIVES for layer in nets.layers)

    def forward(self) -> None:
        """y, of the inputs."""
        for layer in self._layers:
            layer.forward()

    def backward(self) -> None:
        """dJ/d(weights)."""
        for layer in reversed(self._layers):
            layer.backward()


class _LayerPasses:
    """Of y = phi(z) * idt [+ x, or + (x, x)], z = x w + b, (networks, n, width) each."""

    def __init__(self, layer: Layer, x: Tensor, of_x: Tensor | None, gradients: dict[str, Tensor]) -> None:
        """of_x: where dJ/dx goes, if it is wanted."""
        self._layer, self._x, self._of_x, self._gradients = layer, x, of_x, gradients
        shape = (*x.shape[:2], layer.w.shape[-1])
        self.y, self.h, self._z, self._value, self._first, self._second, self._of_z = (
            layer.w.new_empty(shape) for _ in range(7)
        )
        self._fill = find_filling(layer.activation)
        with torch.no_grad():
            self._multiply = bound_batch_product(x, layer.w, self._z, add=layer.b is not None)
            self._of_w = bound_batch_product(x.transpose(1, 2), self._of_z, gradients["w"])
            if of_x is not None:
                w = layer.w.transpose(1, 2)
                self._back = bound_batch_product(self._of_z, w, of_x, add=layer.copies > 0)

    def forward(self) -> None:
        layer, copies = self._layer, self._layer.copies
        if layer.b is not None:
            self._z.copy_(layer.b.detach())
        self._multiply()
        self._fill(self._z, self._value, self._first, self._second)
        value = self._value if layer.idt is None else torch.mul(self._value, layer.idt.detach(), out=self.y)
        if copies:
            halves = (each.unflatten(2, (copies, -1)) for each in (value, self.y))
            torch.add(self._x.unsqueeze(2), next(halves), out=next(halves))
        elif layer.idt is None:
            self.y.copy_(value)

    def backward(self) -> None:
        layer, found = self._layer, self._gradients
        torch.mul(self.h, self._first, out=self._of_z)
        if layer.idt is not None:
            torch.sum(self.h * self._value, 1, keepdim=True, out=found["idt"])
            self._of_z.mul_(layer.idt.detach())
        if layer.b is not None:
            torch.sum(self._of_z, 1, keepdim=True, out=found["b"])
        self._of_w()
        if self._of_x is None:
            return
        if layer.copies == 1:
            self._of_x.copy_(self.h)
        elif layer.copies == 2:
            torch.sum(self.h.unflatten(2, (2, -1)), 2, out=self._of_x)
        self._back()
