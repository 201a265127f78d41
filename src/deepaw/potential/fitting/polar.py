"""Fitting net of atomic polarizabilities (`polar`)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from deepaw.potential.fitting.tensor import TensorConfig, TensorFitting


class PolarFittingConfig(TensorConfig):
    """One fitting net for each type of atom; its outputs are weights of products of two vectors of the descriptor.

    The unit is that of the labels.
    """

    label: ClassVar[str] = "polarizability"
    type: Literal["polar"] = "polar"
    fit_diag: bool = Field(True, description="products of each vector with itself only, instead of all pairs")
    scale: float | tuple[float, ...] = Field(
        1.0, description="factor of the net's output and of the shift; a number, or one for each type"
    )
    shift_diag: bool = Field(True, description="add a multiple of the unit matrix for each type, its mean in the data")

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError as `TensorConfig`, or if `scale` is a list without a number for each type."""
        super().check_types(ntypes)
        if isinstance(self.scale, tuple) and len(self.scale) != ntypes:
            raise ValueError(f"scale has {len(self.scale)} entries; it should have one for each of the {ntypes} types")


class PolarFitting(TensorFitting):
    """alpha_i = scale (T^T P T + shift 1), with P from the net of the centre's type (D_i, parameters).

    T: the descriptor's vectors (channels, 3). With `fit_diag`, P is the diagonal matrix of the outputs (channels,);
    else the outputs are a matrix (channels, channels), and P is its symmetric part.

    Buffer shift: (ntypes,), float64, unit of the labels over scale; 0 without `shift_diag`.

    Source: Zhang et al., Phys. Rev. B 102, 041121 (2020), eq. 6; the shift is DeePMD-kit's.
    """

    config: PolarFittingConfig
    shape = (3, 3)
    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        config: PolarFittingConfig,
        ntypes: int,
        width: int,
        channels: int,
        *,
        shared: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        outputs = channels if config.fit_diag else channels**2
        super().__init__(config, ntypes, width, channels, outputs, shared=shared, generator=generator)
        scale = config.scale if isinstance(config.scale, tuple) else (config.scale,) * ntypes
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64), persistent=False)
        self.register_buffer("shift", torch.zeros(ntypes, dtype=torch.float64))

    def assembled(self, kind: int, outputs: Tensor, T: Tensor) -> Tensor:
        """Return polarizabilities (n, 3, 3)."""
        if self.config.fit_diag:
            PT = outputs.unsqueeze(2) * T
        else:
            P = outputs.view(-1, T.shape[1], T.shape[1])
            PT = 0.5 * (P + P.transpose(1, 2)) @ T
        return self.scale[kind] * ((T.transpose(1, 2) @ PT).double() + self.shift_matrix(kind))

    def turned(self, outputs: Tensor, directions: Tensor) -> Tensor | None:
        """Return directions P directions^T, (n, functions^2), or None with `fit_diag`."""
        if self.config.fit_diag:
            return None
        P = outputs.view(-1, self.channels, self.channels)
        return (directions @ P @ directions.T).flatten(1)

    def shift_matrix(self, kind: int) -> Tensor:
        """Return shift 1, (3, 3), of atoms of one type."""
        return self.shift[kind] * torch.eye(3, dtype=torch.float64, device=self.shift.device)
