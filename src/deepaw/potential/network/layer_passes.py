"""Passes through one layer of several nets; names as in `deepaw.potential.network.passes`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from deepaw.potential.network.derivatives import find_fill_function
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.products import Calls, bound_product


class LayerPasses:
    """Passes through y = phi(z) * idt [+ x, or + (x, x)], z = x w + b, for the same layer of several nets.

    Call `forward`, `backward`, `jvp`, `double_backward` in that order; buffers are reused between calls. With products
    by element, and [+ ...] for residual layers, where the two halves of dE/dy add up if y is twice as wide as x:

        backward         grad_z    = grad_y idt phi'(z),                grad_x    = grad_z w^T [+ grad_y]
        jvp              tangent_z = tangent_x w,                       tangent_y = phi'(z) tangent_z idt [+ tangent_x]
        double_backward  adjoint_z = (adjoint_y phi'(z) + grad_y phi''(z) tangent_z) idt,
                         adjoint_x = adjoint_z w^T [+ adjoint_y]
        weights          dJ/dw = x^T adjoint_z + tangent_x^T grad_z,    dJ/db = sum over rows of adjoint_z,
                         dJ/d(idt) = sum over rows of adjoint_y phi(z) + grad_y phi'(z) tangent_z

    x, tangent_x, grad_x, adjoint_x: (rows, width). grad_z, adjoint_z: (rows, outputs).
    y, tangent_y: (rows, outputs), the memory of x and tangent_x of the next layer, if there is one.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        weights: Sequence[Tensor],
        counts: Sequence[int],
        grad_y: Tensor,
        adjoint_y: Tensor,
        compute: torch.dtype | None,
        next_layer: LayerPasses | None,
    ) -> None:
        """weights: w of each net. counts: number of rows of each net. grad_y, adjoint_y: (rows, outputs), read by
        `backward` and `double_backward`."""
        self.layers, self.compute = layers, compute
        ends = list(accumulate(counts, initial=0))
        self.rows = [slice(*bounds) for bounds in pairwise(ends)]
        width, outputs = weights[0].shape
        new, n = weights[0].new_empty, ends[-1]
        # interleaved, as two rows of each atom: dJ/dw is one product of both
        self._stacked_x, self._stacked_z = new(n, 2, width), new(n, 2, outputs)
        self.x, self.tangent_x = self._stacked_x.unbind(1)
        self.adjoint_z, self.grad_z = self._stacked_z.unbind(1)
        self.grad_x, self.adjoint_x = new(n, width), new(n, width)
        self._grad_y, self._adjoint_y = grad_y, adjoint_y
        if next_layer is None:
            self.y, self.tangent_y = new(n, outputs), new(n, outputs)
        else:
            self.y, self.tangent_y = next_layer.x, next_layer.tangent_x
        self._z, self._phi, self._dphi, self._d2phi, self._tangent_z, self._scratch = (
            new(n, outputs) for _ in range(6)
        )
        self._copies = layers[0].copies
        self._idt = None if layers[0].idt is None else new(n, outputs)
        self.adjoint_idt = new(n if layers[0].idt is not None else 0, outputs)
        self._fill = find_fill_function(layers[0].activation)
        with torch.no_grad():
            self._bind(weights)

    def _bind(self, weights: Sequence[Tensor]) -> None:
        residual = self._copies > 0
        self._products: dict[str, Calls] = {"z": [], "tangent_z": [], "grad_x": [], "adjoint_x": []}
        self._constants: list[tuple[Tensor, Tensor]] = []
        for layer, w, rows in zip(self.layers, weights, self.rows, strict=True):
            if rows.start == rows.stop:
                continue
            biased = layer.b is not None
            for name, a, b, out, add in (
                ("z", self.x, w, self._z, biased),
                ("tangent_z", self.tangent_x, w, self._tangent_z, False),
                ("grad_x", self.grad_z, w.t(), self.grad_x, residual),
                ("adjoint_x", self.adjoint_z, w.t(), self.adjoint_x, residual),
            ):
                self._products[name].append(bound_product(a[rows], b, out[rows], self.compute, add=add))
            if layer.b is not None:
                self._constants.append((self._z[rows], layer.b.detach()))
            if layer.idt is not None and self._idt is not None:
                self._constants.append((self._idt[rows], layer.idt.detach()))

    def forward(self) -> None:
        """Compute y from x."""
        for buffer, constant in self._constants:
            buffer.copy_(constant)
        self._multiply("z")
        self._fill(self._z, self._phi, self._dphi, self._d2phi)
        self._add_residual(self._phi, self.x, self.y)

    def backward(self) -> None:
        """Compute dE/dx from dE/dy."""
        torch.mul(self._grad_y, self._dphi, out=self.grad_z)
        self._multiply_transposed("grad_x", self.grad_z, self._grad_y, self.grad_x)

    def jvp(self) -> None:
        """Compute the tangent of y from that of x."""
        self._multiply("tangent_z")
        torch.mul(self._dphi, self._tangent_z, out=self._scratch)
        self._add_residual(self._scratch, self.tangent_x, self.tangent_y)

    def double_backward(self) -> None:
        """Compute dJ/dx from dJ/dy."""
        torch.mul(self._grad_y, self._d2phi, out=self._scratch)
        torch.mul(self._adjoint_y, self._dphi, out=self.adjoint_z).addcmul_(self._scratch, self._tangent_z)
        self._multiply_transposed("adjoint_x", self.adjoint_z, self._adjoint_y, self.adjoint_x)

    def weight_factors(self, number: int) -> tuple[Tensor, Tensor]:
        """Factors a, b of dJ/dw = a^T b of net `number`: x and tangent_x, (2 rows, width), adjoint_z and grad_z,
        (2 rows, outputs)."""
        rows = self.rows[number]
        return self._stacked_x[rows].flatten(0, 1), self._stacked_z[rows].flatten(0, 1)

    def compute_adjoint_idt(self) -> None:
        """Fill `adjoint_idt` (rows, outputs), the terms of each row in dJ/d(idt)."""
        torch.mul(self._adjoint_y, self._phi, out=self.adjoint_idt)
        torch.mul(self._dphi, self._tangent_z, out=self._scratch)
        self.adjoint_idt.addcmul_(self._grad_y, self._scratch)

    def _multiply(self, name: str) -> None:
        for call in self._products[name]:
            call()

    def _add_residual(self, a: Tensor, x: Tensor, out: Tensor) -> None:
        """out = a * idt [+ x, or + (x, x)]."""
        if self._copies == 0:
            out.copy_(a)
            if self._idt is not None:
                out.mul_(self._idt)
            return
        residual = x if self._copies == 1 else x.repeat(1, 2)
        if self._idt is None:
            torch.add(residual, a, out=out)
        else:
            torch.addcmul(residual, a, self._idt, out=out)

    def _multiply_transposed(self, name: str, cotangent_z: Tensor, cotangent_y: Tensor, out: Tensor) -> None:
        """out = cotangent_z * idt @ w^T [+ cotangent_y]; cotangent_z is multiplied by idt in place."""
        if self._idt is not None:
            cotangent_z.mul_(self._idt)
        if self._copies == 1:
            out.copy_(cotangent_y)
        elif self._copies == 2:
            torch.sum(cotangent_y.unflatten(1, (2, -1)), 1, out=out)
        self._multiply(name)
