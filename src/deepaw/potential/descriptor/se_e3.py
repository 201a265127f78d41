"""DeepPot-SE of angles and distances among three atoms (`se_e3`)."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.slotted import EmbeddingConfig, SlottedDescriptor
from deepaw.potential.descriptor.triples import TripleKernel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.switch import environment_rows
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.precision import dtype_of
from deepaw.spectral.product import ProductBasis

POLYNOMIALS = 6
"""Number of polynomials of dot products for each polynomial of s that embeddings of one neighbour use in training."""

COLUMNS = 16
"""Number of columns of the basis of products (`ProductBasis`)."""


class SeE3Config(EmbeddingConfig):
    """Three-body embedding of the dot products of two neighbours' relative coordinates."""

    type: Literal["se_e3", "se_at", "se_a_3be", "se_t"] = "se_e3"
    seed: int | None = Field(None, description="of the initial weights; by default that of the training")


class SeE3(SlottedDescriptor):
    """D_i = sum_{t <= u} 1 / (sel_t sel_u) sum_{j of type t, k of type u} theta_jk G_tu(theta_jk).

    theta_jk = R_j . R_k of the directional components R of the normalised rows, j = k included; a sel_t of 0
    counts as 1. An empty slot has theta = 0 and adds nothing, so that all neighbours count, also beyond sel.

    The first component of davg and dstd, that of s, is not used.
    """

    components = 4
    config: SeE3Config

    def __init__(
        self,
        config: SeE3Config,
        ntypes: int,
        *,
        fixed_slots: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(config, ntypes, fixed_slots=fixed_slots)
        self.pairs = list(combinations_with_replacement(range(ntypes), 2))
        self.nets = EmbeddingNets(
            len(self.pairs),
            config.neuron,
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            dtype=dtype_of(config.precision),
            generator=generator,
        )
        self.nets.requires_grad_(config.trainable)

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.config.neuron[-1]

    @property
    def weights(self) -> list[float]:
        """Factors 1 / (sel_t sel_u) of the pairs of types."""
        return [1 / (max(self.sel[t], 1) * max(self.sel[u], 1)) for t, u in self.pairs]

    def forward(self, env: Environment) -> Tensor:
        """Compute rows (natoms, M)."""
        config = self.config
        env, _, _ = self.neighbours_and_slots(env)
        raw = environment_rows(env.vector, config.rcut_smth, config.rcut, config.env_protection)[:, 1:]
        R = (raw / self.dstd[env.types[env.centre], 1:]).to(self.dtype)
        kinds = env.types[env.neighbour]
        D = R.new_zeros(env.natoms, self.width)
        for net, ((t, u), weight) in enumerate(zip(self.pairs, self.weights, strict=True)):
            first, second = (torch.nonzero(kinds == kind).squeeze(1) for kind in (t, u))
            j, k = _pairs_around_atoms(env.centre[first], env.centre[second])
            j, k = first[j], second[k]
            theta = (R[j] * R[k]).sum(1)
            G = self.nets.evaluate(net, theta)
            D = D.index_add(0, env.centre[j], weight * theta.unsqueeze(1) * G)
        return D

    def training_kernel(self, closest: float, polynomials: int) -> TrainingKernel[Any]:
        """Return the spectral form where its nets are smooth, or else the equations."""
        if not self.is_spectral:
            return super().training_kernel(closest, polynomials)
        rows = -(-POLYNOMIALS * polynomials // COLUMNS)
        return TripleKernel(DotBasis(self.largest_dot(closest), ProductBasis(rows, COLUMNS)))

    def largest_dot(self, closest: float) -> float:
        """Return the largest |theta| of neighbours that come no nearer than `closest`, A."""
        return (self.largest_s(closest) / float(self.dstd[:, 1:].min())) ** 2

    def coefficients(self, basis: DotBasis) -> Tensor:
        """Return C (pairs of types, K, M), the nets in the spectral basis, differentiable in their weights."""
        return basis.coefficients(self._weighted_nets, self.davg.device)

    def chebyshev(self, basis: DotBasis) -> Tensor:
        """Return the nets in Chebyshev polynomials, (pairs of types, K, M) (`DotBasis.chebyshev`)."""
        return basis.chebyshev(self._weighted_nets, self.davg.device)

    def _weighted_nets(self, theta: Tensor) -> Tensor:
        G: Tensor = self.nets(theta.to(self.dtype).expand(len(self.pairs), -1))
        return G * G.new_tensor(self.weights)[:, None, None]

    def evaluations(self, env: Environment) -> Tensor:
        """Return the number of ordered pairs of neighbours of each atom."""
        counts = torch.bincount(env.centre, minlength=env.natoms)
        return counts * counts


def _pairs_around_atoms(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return all j, k with first[j] = second[k]."""
    order = torch.argsort(second, stable=True)
    start = torch.searchsorted(second[order], first)
    count = torch.searchsorted(second[order], first, right=True) - start
    j = torch.repeat_interleave(count)
    offset = torch.arange(len(j), device=j.device) - (count.cumsum(0) - count)[j]
    return j, order[start[j] + offset]
