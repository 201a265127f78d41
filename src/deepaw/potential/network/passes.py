"""Forward, backward and double backward through networks of one output, for a loss of values and their gradients.

A loss of energies and forces has derivatives e_i in the outputs E_i = net(x_i) and t_i in their gradients
g_i = dE_i/dx_i. Its gradient in x and in the weights is that of

    J = sum_i e_i E_i + t_i . g_i = sum_i e_i E_i + [dE_i(x_i + h t_i) / dh at h = 0]

so that after the value and the gradient it takes a pass with the tangents of all layers in the direction t, and one
backward (Pearlmutter, Neural Computation 6, 147 (1994)): two thirds of the products that differentiating the
differentiated network takes.

Names: grad_y = dE/dy, adjoint_y = dJ/dy, tangent_y the derivative of y in the direction t.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.network.derivatives import DERIVATIVES
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer
from deepaw.potential.network.layer_passes import LayerPasses
from deepaw.potential.network.products import Calls, bound_product


def has_passes(net: FittingNet) -> bool:
    """Whether the first and second derivatives of all activation functions of the net are implemented."""
    return all(layer.activation.lower() in DERIVATIVES for layer in _layers(net))


def net_weights(net: FittingNet) -> list[Tensor]:
    """Return the weights in the order that `WeightGradients` fills."""
    return [weight for layer in _layers(net) for weight in layer.parameters()]


class NetPasses:
    """Passes through nets of one architecture, one for each block of rows.

    Call `forward`, `backward`, `double_backward` in that order; they read the weights at the time of the call, and
    buffers are reused between calls.

    x: inputs, (rows, width), for the caller to fill before `forward`.
    factor: factors of E in dE/dx, (rows,), for the caller to fill before `backward`.
    tangent_x: tangents t of the inputs, (rows, width), for the caller to fill before `double_backward`.
    grad_energy: e, derivatives of the loss in E, (rows,), for the caller to fill before `double_backward`.
    grad_x, adjoint_x: (rows, width), results of `backward` and `double_backward`.
    """

    def __init__(
        self,
        nets: Sequence[FittingNet],
        counts: Sequence[int],
        compute: torch.dtype | None = None,
        first_weights: Sequence[Tensor] | None = None,
    ) -> None:
        """counts: number of rows of each net, one net after the other. compute: type that operands of products are
        rounded to in all layers but the last (`network.products`). first_weights: matrices (width, outputs) in place of
        w of the first layers."""
        layers_by_depth = list(zip(*(_layers(net) for net in nets), strict=True))
        weights = [[layer.w for layer in layers] for layers in layers_by_depth]
        if first_weights is not None:
            weights[0] = list(first_weights)
        self.factor, self.grad_energy = (weights[0][0].new_empty(sum(counts)) for _ in range(2))
        # from the last layer on, since dE/dy of a layer is dE/dx of the next one
        grad_y, adjoint_y = self.factor.unsqueeze(1), self.grad_energy.unsqueeze(1)
        next_layer: LayerPasses | None = None
        self.layers: list[LayerPasses] = []
        for number, (layers, w) in reversed(list(enumerate(zip(layers_by_depth, weights, strict=True)))):
            layer_compute = None if number == len(weights) - 1 else compute
            next_layer = LayerPasses(layers, w, counts, grad_y, adjoint_y, layer_compute, next_layer)
            grad_y, adjoint_y = next_layer.grad_x, next_layer.adjoint_x
            self.layers.insert(0, next_layer)
        first = self.layers[0]
        self.x, self.tangent_x, self.grad_x, self.adjoint_x = first.x, first.tangent_x, first.grad_x, first.adjoint_x

    def forward(self) -> Tensor:
        """Compute E (rows,)."""
        for layer in self.layers:
            layer.forward()
        return self.layers[-1].y.squeeze(1)

    def backward(self) -> Tensor:
        """Compute grad_x = d(factor * E)/dx, (rows, width)."""
        for layer in reversed(self.layers):
            layer.backward()
        return self.grad_x

    def double_backward(self) -> Tensor:
        """Compute adjoint_x = dJ/dx, (rows, width)."""
        for layer in self.layers:
            layer.jvp()
        for layer in reversed(self.layers):
            layer.double_backward()
        return self.adjoint_x


class WeightGradients:
    """dJ/d(weights) summed over the rows of several passes through the same nets, after their `double_backward`.

    out: for each net memory like its `net_weights`; the first like `first_weights` where the passes have these.
    part, parts: which of how many parts of the work this does, so that threads can share it.
    """

    def __init__(
        self, passes: Sequence[NetPasses], out: Sequence[Sequence[Tensor]], part: int = 0, parts: int = 1
    ) -> None:
        self._calls: Calls = []
        remaining = [iter(net_out) for net_out in out]
        for layers in zip(*(net_passes.layers for net_passes in passes), strict=True):
            for number, layer in enumerate(layers[0].layers):
                for name, _ in layer.named_parameters():
                    gradient = next(remaining[number])
                    if name == "w":
                        columns = slice(len(gradient) * part // parts, len(gradient) * (part + 1) // parts)
                        self._bind_weight(layers, number, columns, gradient[columns])
                    elif part == 0:
                        self._bind_row_sum(name, layers, number, gradient)

    def run(self) -> None:
        """Fill `out`."""
        for call in self._calls:
            call()

    def _bind_weight(self, layers: Sequence[LayerPasses], number: int, columns: slice, out: Tensor) -> None:
        """Bind out = dJ/dw of net `number`, for some columns of the inputs."""
        for position, layer in enumerate(layers):
            x, adjoint_z = layer.weight_factors(number)
            self._calls.append(bound_product(x[:, columns].t(), adjoint_z, out, layer.compute, add=position > 0))

    def _bind_row_sum(self, name: str, layers: Sequence[LayerPasses], number: int, out: Tensor) -> None:
        """Bind out = dJ/db, or dJ/d(idt), of net `number`."""
        if name == "idt" and number == 0:
            self._calls += [layer.compute_adjoint_idt for layer in layers]
        for position, layer in enumerate(layers):
            rows = (layer.adjoint_z if name == "b" else layer.adjoint_idt)[layer.rows[number]]
            # sums over rows as products, which take less time
            self._calls.append(bound_product(rows.new_ones(1, len(rows)), rows, out, add=position > 0))


def _layers(net: FittingNet) -> list[Layer]:
    return list(net.layers)  # type: ignore[arg-type]
