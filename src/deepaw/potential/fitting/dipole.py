"""Fitting net of atomic dipoles (`dipole`)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from deepaw.potential.fitting.tensor import TensorConfig, TensorFitting


class DipoleFittingConfig(TensorConfig):
    """One fitting net for each type of atom; the dipole is the sum of the descriptor's vectors weighted by its outputs.

    The unit is that of the labels.
    """

    label: ClassVar[str] = "dipole"
    type: Literal["dipole"] = "dipole"


class DipoleFitting(TensorFitting):
    """mu_i = sum_m c_m T_m with c = net of the centre's type (D_i, parameters) and the vectors T (channels, 3).

    Source: Zhang et al., Phys. Rev. B 102, 041121 (2020), eq. 5.
    """

    config: DipoleFittingConfig
    shape = (3,)

    def __init__(
        self,
        config: DipoleFittingConfig,
        ntypes: int,
        width: int,
        channels: int,
        *,
        shared: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(config, ntypes, width, channels, channels, shared=shared, generator=generator)

    def assembled(self, kind: int, outputs: Tensor, T: Tensor) -> Tensor:
        """Return dipoles (n, 3)."""
        return torch.einsum("nm,nma->na", outputs, T).double()

    def turned(self, outputs: Tensor, directions: Tensor) -> Tensor:
        """Return the coefficients of V: directions c, (n, functions)."""
        return outputs @ directions.T
