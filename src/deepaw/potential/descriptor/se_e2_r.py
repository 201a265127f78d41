"""DeepPot-SE of distances alone (`se_e2_r`)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseConfig, PairwiseDescriptor
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.switch import environment_rows
from deepaw.spectral import ChebyshevBasis

SCALE = 0.2
"""Constant factor that DeePMD-kit multiplies this descriptor by."""


class SeE2RConfig(PairwiseConfig):
    """Two-body embedding of a neighbour's distance."""

    type: Literal["se_e2_r", "se_r"] = "se_e2_r"
    type_one_side: bool = Field(
        True,
        description="one net for each neighbour type; with false, which only DeePMD-kit's TensorFlow backend has, one "
        "for each pair of types",
    )


class SeE2R(PairwiseDescriptor):
    """D_i = (1 / nnei) sum_j G(s_ij) / 5, (M)."""

    components = 1
    config: SeE2RConfig

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.config.neuron[-1]

    def forward(self, env: Environment) -> Tensor:
        """(natoms, M)."""
        config = self.config
        env, empty, hidden = self.slotted(env)
        centre_types = env.types[env.centre]
        s = environment_rows(env.vector, config.rcut_smth, config.rcut, config.env_protection)[:, :1]
        x = ((s - self.davg[centre_types]) / self.dstd[centre_types]).to(self.dtype).squeeze(1)
        G = self.embed(env, x)
        D = x.new_zeros(env.natoms, G.shape[1]).index_add(0, env.centre, G)
        x_empty = (-self.davg / self.dstd).to(self.dtype).squeeze(1)
        for count, value in ((empty, x_empty), (hidden, torch.zeros_like(x_empty))):
            D = D + torch.einsum("it,itm->im", count.to(D.dtype), self.embed_types(value)[env.types])
        return D * (SCALE / self.nnei)

    def slot_moments(self, basis: ChebyshevBasis) -> tuple[Tensor, Tensor]:
        """An empty slot counts as a neighbour at the cutoff, a hidden one as one whose normalised s is 0."""
        at_cutoff = basis.values(self.davg.new_zeros(()))
        return at_cutoff.expand(self.ntypes, 1, -1).clone(), basis.values(self.davg)

    def contract(self, moments: Tensor, coefficients: Tensor) -> Tensor:
        """B C / (5 nnei), (n, M)."""
        return (moments.flatten(1) @ coefficients) * (SCALE / self.nnei)
