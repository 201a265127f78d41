"""DPA-1: Zhang et al., arXiv 2208.08236 (`se_atten`, `dpa1`, `se_atten_v2`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.potential.descriptor.attention import AttentionLayer
from deepaw.potential.descriptor.equations import EquationKernel
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.pairwise import PairwiseConfig
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.slotted import EmbeddingConfig
from deepaw.potential.descriptor.type_embedding import TypedNets, TypeEmbedding, TypeEmbeddingConfig
from deepaw.potential.neighbours.environment import Environment, nearest
from deepaw.potential.neighbours.switch import environment_rows, switch
from deepaw.potential.precision import dtype_of
from deepaw.spectral import ChebyshevBasis

LN_EPS = 1e-5
"""Added to variances where the section does not say."""

TOGETHER = 16
"""Atoms whose attention is held in memory at a time in training: 15 MB for each, with 90 neighbours and two layers."""


class SeAtten(SeE2A):
    """D_i = A_i^T A_i[:, :axis_neuron], and the type embedding of i; A_i = (1 / sel) sum_j R_ij^T G_ij.

    G_ij (M) is the embedding net of s_ij and both types (`TypedNets`), followed by attention layers among the
    neighbours of i. An empty slot counts as a neighbour at the cutoff. As a rule that is nothing, since R is 0 there.
    It is something where davg is not 0, which is only allowed where G does not depend on the type of a neighbour at
    the cutoff. In smooth attention empty slots are part of what the softmax divides by.

    There are `sel` slots for all types together. More neighbours than that make the number of empty ones negative; with
    fixed_slots the farthest are dropped instead and an excluded neighbour takes a slot, as in DeePMD-kit.
    """

    config: AttentionConfig  # type: ignore[assignment]
    nets: TypedNets

    def __init__(
        self,
        config: AttentionConfig,
        ntypes: int,
        *,
        type_map: Sequence[str] = (),
        types: TypeEmbeddingConfig | None = None,
        fixed_slots: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """type_map: names of the types, for use_econf_tebd. types: of the net of types, instead of one linear layer of
        width tebd_dim."""
        super().__init__(
            config,
            ntypes,
            type_map=type_map,
            types=types or config.types,
            fixed_slots=fixed_slots,
            generator=generator,
        )
        factor = (config.attn * config.scaling_factor) ** -0.5 if config.temperature is None else config.temperature
        self.attention = nn.ModuleList(
            AttentionLayer(
                config.neuron[-1],
                config.attn,
                angles=config.attn_dotr,
                normalize=config.normalize,
                factor=factor,
                smooth=config.is_smooth,
                trainable_norm=config.trainable_ln,
                epsilon=LN_EPS if config.ln_eps is None else config.ln_eps,
                dtype=dtype_of(config.precision),
                generator=generator,
            )
            for _ in range(config.attn_layer)
        )
        self.attention.requires_grad_(config.trainable)

    @staticmethod
    def slots_of(config: EmbeddingConfig, ntypes: int) -> tuple[int, ...]:
        """One number for all types."""
        if not isinstance(config.sel, int):
            raise InputError(f"sel is {config.sel!r}; it should be counted on the data before a model is made")
        return (config.sel,)

    def _make_nets(
        self, config: PairwiseConfig, types: TypeEmbedding | None, generator: torch.Generator | None
    ) -> TypedNets:
        assert isinstance(config, AttentionConfig) and types is not None
        return TypedNets(
            types,
            config.neuron,
            mode=config.mode,
            one_side=config.type_one_side,
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            dtype=dtype_of(config.precision),
            generator=generator,
        )

    @property
    def slots_by_type(self) -> tuple[int, ...]:
        """Slots belong to no type; they are counted in the first column."""
        return (self.nnei,) + (0,) * (self.ntypes - 1)

    @property
    def types(self) -> TypeEmbedding | None:
        """The net of types, if rows end with what it says."""
        return self.nets.types if self.config.concat_output_tebd else None

    @property
    def shares_nets(self) -> bool:
        """One fitting net serves all types, as in DeePMD-kit, even where `concat_output_tebd` is false."""
        return True

    def evaluations(self, env: Environment) -> Tensor:
        """A layer leaves as much of a neighbour as its embedding does, and as much of 100 pairs of neighbours."""
        count, layers = super().evaluations(env), len(self.attention)
        return count * (1 + layers) + layers * count**2 // 100

    def chosen(self, env: Environment) -> Environment:
        """The nearest neighbours of all types, with `fixed_slots`."""
        return nearest(env, self.nnei) if self.fixed_slots else env

    def keeps(self, counts: Tensor) -> bool:
        """Whether no atom has more than `sel` neighbours, or these count as well."""
        return not self.fixed_slots or bool((counts.sum(1) <= self.nnei).all())

    @property
    def fades_types(self) -> bool:
        """Whether the net of types is multiplied by the switch function."""
        return self.config.fades_types

    def slotted(self, env: Environment) -> tuple[Environment, Tensor, Tensor]:
        """As of the base; empty slots have no type, and stand in the first column.

        With `fixed_slots` and beside a part that looks farther, a neighbour beyond rcut takes a slot: an excluded one
        is none that is empty, and another one is attended to where attention does not fade out.
        """
        env = self.chosen(env)
        excluded = self.excluded[env.types[env.centre], env.types[env.neighbour]]
        if self.fixed_slots:
            kept, hidden = env.select(~excluded), env.select(excluded).counts(self.ntypes)
        else:
            kept = env.select((torch.linalg.vector_norm(env.vector.detach(), dim=-1) < self.rcut) & ~excluded)
            hidden = torch.zeros(env.natoms, self.ntypes, dtype=torch.int64, device=env.types.device)
        empty = torch.zeros_like(hidden)
        empty[:, 0] = self.nnei - torch.bincount(kept.centre, minlength=env.natoms) - hidden.sum(1)
        return kept, empty, hidden

    def _average(self, env: Environment) -> Tensor:
        """A, (natoms, 4, M)."""
        config = self.config
        env, empty, _ = self.slotted(env)
        centre_types = env.types[env.centre]
        raw = environment_rows(env.vector, config.rcut_smth, config.rcut, config.env_protection)
        R = ((raw - self.davg[centre_types]) / self.dstd[centre_types]).to(self.dtype)
        r = torch.linalg.vector_norm(env.vector, dim=-1, keepdim=True)
        w = switch(r.squeeze(1), config.rcut_smth, config.rcut).to(R.dtype)
        net = self.network(centre_types, env.types[env.neighbour])
        G = self.nets.pairs(net, R[:, 0], w if config.is_smooth else None)
        if len(self.attention) and len(G):
            # beyond rcut as DeePMD-kit has it
            G = self._attend(env, G, w, torch.where(r < self.rcut, env.vector / r, 0.0).to(R.dtype))
        A = R.new_zeros(env.natoms, 4, G.shape[1]).index_add(0, env.centre, R.unsqueeze(2) * G.unsqueeze(1))
        if config.fades_types:
            R_empty = (-self.davg / self.dstd).to(R.dtype)
            A_empty = R_empty.unsqueeze(2) * self.of_empty(R_empty[:, 0]).unsqueeze(1)
            A = A + empty[:, 0].to(R.dtype)[:, None, None] * A_empty[env.types]
        return A / self.nnei

    def of_empty(self, x: Tensor) -> Tensor:
        """G (n, M) of empty slots, from their normalised s (n,), where types fade out."""
        G = self.nets.radial(x)
        for layer in self.attention:
            assert isinstance(layer, AttentionLayer)
            G = layer.of_empty(G)
        return G

    def _attend(self, env: Environment, G: Tensor, w: Tensor, direction: Tensor) -> Tensor:
        """G (npairs, M) after all attention layers, of at least one pair; w: (npairs,), direction: (npairs, 3)."""
        order = torch.argsort(env.centre, stable=True)
        centre = env.centre[order]
        column = torch.arange(len(order), device=order.device) - torch.searchsorted(centre, centre)
        width = int(column.max()) + 1
        place = torch.empty_like(order)
        place[order] = centre * width + column

        def spread(values: Tensor) -> Tensor:
            result = values.new_zeros(env.natoms * width, *values.shape[1:])
            return result.index_copy(0, place, values).view(env.natoms, width, *values.shape[1:])

        there = spread(torch.ones_like(place, dtype=torch.bool))
        slots, w, direction = spread(G), spread(w), spread(direction)
        for layer in self.attention:
            slots = layer(slots, there, w, direction, self.nnei)
        return slots.flatten(0, 1)[place]

    def coefficients(self, basis: ChebyshevBasis) -> Tensor:
        """As of the base; where types fade, those of net(s) are followed by those of net(s) type_net by type."""
        if not self.config.fades_types:
            return super().coefficients(basis)
        nodes = basis.nodes(torch.float64, self.davg.device)
        x = ((nodes - self.davg[:, :1]) / self.dstd[:, :1]).to(self.dtype)
        ntypes, size = x.shape
        radial = self.nets.radial(x.reshape(-1)).view(ntypes, size, -1)
        C = basis.coefficients(radial.transpose(0, 1).reshape(size, -1)).view(size, ntypes, -1).transpose(0, 1)
        by_type = torch.arange(ntypes, device=x.device)
        factors = self.nets.type_factors(x.dtype)[self.network(by_type.unsqueeze(1), by_type)]
        if factors.ndim == 2:
            factors = factors.expand(ntypes, -1, -1)
        faded = C.unsqueeze(1) * factors.unsqueeze(2).to(C.dtype)
        return torch.cat([C.unsqueeze(1), faded], dim=1).flatten(1, 2)

    def training_kernel(self, closest: float, polynomials: int) -> TrainingKernel[Any]:
        """Return the spectral form where there is no attention, or else the equations."""
        if len(self.attention):
            return EquationKernel(TOGETHER)
        return super().training_kernel(closest, polynomials)
