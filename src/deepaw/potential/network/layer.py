"""Layer of all networks: y = phi(x w + b) [* idt] [+ x, or + (x, x)]."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepaw.potential.network.activation import find_activation
from deepaw.potential.network.rounded import rounded_product

TIMESTEP_MEAN, TIMESTEP_SPREAD = 0.1, 0.001
"""Mean and standard deviation of the initial `idt`: residual layers start near the identity."""


class Layer(nn.Module):
    """Layer y = phi(x w + b) * idt, plus x where the width stays, plus (x, x) where it doubles.

    Several networks of one shape are one layer with a leading axis, their number.

    Parameters: w (*networks, inputs, outputs), b (*networks, 1, outputs) or None, idt like b or None. `residual`
    adds x where the widths allow it, and `timestep` an `idt` there.
    Initial weights: normal, of variance 1 / (inputs + outputs) for w and 1 for b.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        networks: Sequence[int] = (),
        activation: str = "tanh",
        residual: bool = False,
        timestep: bool = False,
        bias: bool = True,
        dtype: torch.dtype = torch.float64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self._function = find_activation(activation)
        self.copies = {inputs: 1, 2 * inputs: 2}.get(outputs, 0) if residual else 0

        def normal(*shape: int, mean: float = 0.0, spread: float = 1.0) -> nn.Parameter:
            # drawn in float64, so that a model starts from the same weights whatever its precision
            values = torch.randn(*networks, *shape, dtype=torch.float64, generator=generator)
            return nn.Parameter((mean + spread * values).to(dtype))

        self.w = normal(inputs, outputs, spread=(inputs + outputs) ** -0.5)
        self.b = normal(1, outputs) if bias else None
        self.idt = normal(1, outputs, mean=TIMESTEP_MEAN, spread=TIMESTEP_SPREAD) if timestep and self.copies else None

    def forward(self, x: Tensor, network: int | None = None, compute: torch.dtype | None = None) -> Tensor:
        """Evaluate (*networks, n, inputs) -> (*networks, n, outputs), or one network, (n, inputs) -> (n, outputs).

        compute: type that operands of the product are rounded to (`network.products`), for one network.
        """
        w: Tensor = self.w
        b: Tensor | None = self.b
        idt: Tensor | None = self.idt
        if network is not None:
            w, b, idt = w[network], None if b is None else b[network], None if idt is None else idt[network]
        if compute is not None:
            y = rounded_product(x, w, compute)
            y = y if b is None else y + b
        elif b is None:
            y = x @ w
        elif w.ndim == 2:
            y = torch.addmm(b, x, w)
        else:
            y = torch.baddbmm(b, x, w)
        y = self._function(y)
        if idt is not None:
            y = y * idt
        if self.copies == 1:
            return x + y
        if self.copies == 2:
            return torch.cat([x, x], dim=-1) + y
        return y
