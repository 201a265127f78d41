"""DPA-1: Zhang et al., arXiv 2208.08236 (`se_atten`, `dpa1`, `se_atten_v2`)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics, with_room
from deepaw.potential.descriptor.attention import AttentionLayer
from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.pairwise import PairwiseConfig
from deepaw.potential.descriptor.sel import auto_factor, check_excluded
from deepaw.potential.descriptor.statistics import RowStatistics
from deepaw.potential.descriptor.switch import environment_rows, switch
from deepaw.potential.descriptor.type_embedding import InputMode, TypedNets, TypeEmbedding, TypeEmbeddingConfig
from deepaw.potential.neighbours.environment import Environment, nearest
from deepaw.potential.precision import dtype_of

LN_EPS = 1e-5


class AttentionConfig(PairwiseConfig):
    """Keys that all versions have. Only the sum of `sel` counts, which is what is kept of it."""

    sel: int | tuple[int, ...] | str = Field(  # type: ignore[assignment]
        "auto",
        description="neighbours of all types together that the normalisation counts with; auto, or auto:FACTOR times "
        "the most that the data has, rounded up to a multiple of 4",
    )
    axis_neuron: int = Field(4, ge=1, description="columns of the embedding that the descriptor is projected on")
    set_davg_zero: bool = Field(True, description="rows are not shifted by their mean before they are scaled")
    tebd_dim: int = Field(8, ge=1, description="width of the type embedding")
    use_econf_tebd: bool = Field(False, description="electron configurations in the type embedding, not type numbers")
    use_tebd_bias: bool = Field(False, description="a bias in the type embedding")
    concat_output_tebd: bool = Field(True, description="the fitting net sees the type embedding of the atom itself")
    attn: int = Field(128, ge=1, description="width of queries, keys and values")
    attn_layer: int = Field(2, ge=0, description="attention layers")
    attn_dotr: bool = Field(True, description="attention is weighted by the cosine of the angle between neighbours")
    normalize: bool = Field(True, description="queries, keys and values have length 1")
    scaling_factor: float = Field(1.0, gt=0, description="attention is scaled by (attn * scaling_factor)^-0.5")
    temperature: float | None = Field(None, description="what attention is scaled by instead")
    trainable_ln: bool = Field(True, description="whether training changes the layer normalisation")
    ln_eps: float | None = Field(None, ge=0, description="added to variances where they divide; default is 1e-5")

    @field_validator("sel")
    @classmethod
    def _total(cls, sel: int | tuple[int, ...] | str) -> int | str:
        if isinstance(sel, str):
            auto_factor(sel)
            return sel
        total = sel if isinstance(sel, int) else sum(sel)
        if total < 1 or (isinstance(sel, tuple) and min(sel) < 0):
            raise ValueError(f"{sel if isinstance(sel, int) else list(sel)} should be a number of neighbours above 0")
        return total

    @model_validator(mode="after")
    def _axes(self) -> Self:
        if self.axis_neuron > self.neuron[-1]:
            raise ValueError(
                f"axis_neuron is {self.axis_neuron}; it should not exceed the last width of neuron, {self.neuron[-1]}"
            )
        if not self.set_davg_zero and not self.fades_types:
            raise ValueError(
                "set_davg_zero is false, which would make energies jump where a neighbour crosses the cutoff; it "
                "should be true unless tebd_input_mode is strip and smooth_type_embedding is true"
            )
        return self

    @property
    def mode(self) -> InputMode:
        """How types enter the embedding."""
        raise NotImplementedError

    @property
    def is_smooth(self) -> bool:
        """Whether attention and, stripped, types fade out towards the cutoff."""
        raise NotImplementedError

    @property
    def fades_types(self) -> bool:
        """Whether a neighbour at the cutoff has the same embedding whatever its type."""
        return self.mode == "strip" and self.is_smooth

    @property
    def types(self) -> TypeEmbeddingConfig:
        """Of the net of types where the model has no section for it."""
        return TypeEmbeddingConfig(
            neuron=(self.tebd_dim,),
            activation_function="linear",
            precision=self.precision,
            use_econf_tebd=self.use_econf_tebd,
            use_tebd_bias=self.use_tebd_bias,
        )

    def with_counts(self, found: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """With a number for `sel`; warns of jumps at the cutoff, too."""
        if self.attn_layer and not self.is_smooth:
            warnings.warn(
                "smooth_type_embedding is false, so that energies jump a little where a neighbour of another neighbour "
                "crosses the cutoff; with true there are no jumps",
                stacklevel=4,
            )
        if isinstance(self.sel, str):
            if found.most == 0:
                raise InputError(
                    f'sel is "{self.sel}", but no atom of the training data has a neighbour within {self.rcut:g} A; '
                    "give a number or a larger rcut."
                )
            return self.model_copy(update={"sel": with_room(found.most, auto_factor(self.sel))})
        assert isinstance(self.sel, int)
        if found.most > self.sel:
            rule = (
                "the farthest are dropped" if fixed_slots else "all of them count, where DeePMD-kit drops the farthest"
            )
            warnings.warn(
                f"sel is {self.sel}, and atoms of the training data have up to {found.most} neighbours within "
                f"{self.rcut:g} A; {rule}",
                stacklevel=4,
            )
        return self

    def check_types(self, ntypes: int) -> None:
        """`exclude_types`."""
        check_excluded([number for pair in self.exclude_types for number in pair], ntypes)


class SeAttenConfig(AttentionConfig):
    """Embedding of neighbours and of their types, with attention among neighbours."""

    type: Literal["se_atten", "dpa1"] = "se_atten"
    tebd_input_mode: InputMode = Field(
        "concat",
        description="type embeddings as further inputs of the embedding net, or (strip) through a net of theirs",
    )
    smooth_type_embedding: bool = Field(
        False, description="attention and, in strip mode, types fade out towards the cutoff"
    )

    @property
    def mode(self) -> InputMode:
        return self.tebd_input_mode

    @property
    def is_smooth(self) -> bool:
        return self.smooth_type_embedding


class SeAttenV2Config(AttentionConfig):
    """`se_atten` with tebd_input_mode strip and smooth_type_embedding true."""

    type: Literal["se_atten_v2"] = "se_atten_v2"
    set_davg_zero: bool = Field(False, description="rows are not shifted by their mean before they are scaled")

    @property
    def mode(self) -> InputMode:
        return "strip"

    @property
    def is_smooth(self) -> bool:
        return True


class SeAtten(Descriptor):
    """D_i = A_i^T A_i[:, :axis_neuron], and the type embedding of i; A_i = (1 / sel) sum_j R_ij^T G_ij.

    G_ij (M) is the embedding net of s_ij and both types (`TypedNets`), followed by attention layers among the
    neighbours of i. An empty slot counts as a neighbour at the cutoff; as a rule that is nothing, since R is 0 there,
    unless davg is not 0, and only where G does not depend on the type of a neighbour there. In smooth attention empty
    slots are among what the softmax divides by.

    There are `sel` slots for all types together. More neighbours than that make the number of empty ones negative; with
    fixed_slots the farthest are dropped instead and an excluded neighbour takes a slot, as in DeePMD-kit.

    Buffers davg, dstd: (ntypes, 4), the mean and spread of raw rows by centre type.
    """

    components = 4
    config: AttentionConfig
    davg: Tensor
    dstd: Tensor
    excluded: Tensor

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
        super().__init__()
        if not isinstance(config.sel, int):
            raise InputError(f"sel is {config.sel!r}; it should be counted on the data before a model is made")
        dtype = dtype_of(config.precision)
        config.check_types(ntypes)
        self.config = config
        self.ntypes = ntypes
        self.fixed_slots = fixed_slots
        self.rcut = config.rcut
        self.nnei = config.sel
        self.sel = (config.sel,)
        self.nets = TypedNets(
            TypeEmbedding(types or config.types, ntypes, type_map, generator=generator),
            config.neuron,
            mode=config.mode,
            one_side=config.type_one_side,
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            dtype=dtype,
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
                dtype=dtype,
                generator=generator,
            )
            for _ in range(config.attn_layer)
        )
        self.requires_grad_(config.trainable)
        self.register_buffer("davg", torch.zeros(ntypes, 4, dtype=torch.float64))
        self.register_buffer("dstd", torch.ones(ntypes, 4, dtype=torch.float64))
        excluded = torch.zeros(ntypes, ntypes, dtype=torch.bool)
        for first, second in config.exclude_types:
            excluded[first, second] = excluded[second, first] = True
        self.register_buffer("excluded", excluded, persistent=False)

    @property
    def shares_nets(self) -> bool:
        """One fitting net serves all types, as in DeePMD-kit, even where `concat_output_tebd` is false."""
        return True

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.config.neuron[-1]

    @property
    def width(self) -> int:  # type: ignore[override]
        of_type = self.nets.types.width if self.config.concat_output_tebd else 0
        return self.config.neuron[-1] * self.config.axis_neuron + of_type

    def forward(self, env: Environment) -> Tensor:
        """(natoms, width): entry m * axis_neuron + m' is (A^T A)[m, m'], the type embedding comes last."""
        return self.invariants(self._average(env), env.types)

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """The rows, and the last three rows of A as M vectors (natoms, M, 3)."""
        A = self._average(env)
        return self.invariants(A, env.types), A[:, 1:].transpose(1, 2)

    def invariants(self, A: Tensor, types: Tensor) -> Tensor:
        """(n, width) of A (n, 4, M) and types (n,)."""
        D = torch.bmm(A.transpose(1, 2), A[:, :, : self.config.axis_neuron]).flatten(1)
        return torch.cat([D, self.nets.types().to(D.dtype)[types]], dim=1) if self.config.concat_output_tebd else D

    def network(self, centre_type: Tensor, neighbour_type: Tensor) -> Tensor:
        """Which of the embedding nets a pair of types has."""
        return neighbour_type if self.config.type_one_side else centre_type + self.ntypes * neighbour_type

    def slotted(self, env: Environment) -> tuple[Environment, Tensor]:
        """The pairs that are embedded, and how many slots of each atom are empty, (natoms,)."""
        if self.fixed_slots:
            env = nearest(env, self.nnei)
        within = torch.linalg.vector_norm(env.vector.detach(), dim=-1) < self.rcut
        excluded = self.excluded[env.types[env.centre], env.types[env.neighbour]]
        kept = env.select(within & ~excluded)
        # an excluded neighbour that takes a slot adds nothing, where an empty one adds its row
        taking = env.select(within) if self.fixed_slots else kept
        return kept, self.nnei - torch.bincount(taking.centre, minlength=env.natoms)

    def _average(self, env: Environment) -> Tensor:
        """A, (natoms, 4, M)."""
        config = self.config
        env, empty = self.slotted(env)
        centre_types = env.types[env.centre]
        raw = environment_rows(env.vector, config.rcut_smth, config.rcut, config.env_protection)
        R = ((raw - self.davg[centre_types]) / self.dstd[centre_types]).to(self.dtype)
        r = torch.linalg.vector_norm(env.vector, dim=-1, keepdim=True)
        w = switch(r.squeeze(1), config.rcut_smth, config.rcut).to(R.dtype)
        net = self.network(centre_types, env.types[env.neighbour])
        G = self.nets.pairs(net, R[:, 0], w if config.is_smooth else None)
        if len(self.attention):
            G = self._attend(env, G, w, (env.vector / r).to(R.dtype))
        A = R.new_zeros(env.natoms, 4, G.shape[1]).index_add(0, env.centre, R.unsqueeze(2) * G.unsqueeze(1))
        if config.fades_types:
            R_empty = (-self.davg / self.dstd).to(R.dtype)
            A_empty = R_empty.unsqueeze(2) * self.of_empty(R_empty[:, 0]).unsqueeze(1)
            A = A + empty.to(R.dtype)[:, None, None] * A_empty[env.types]
        return A / self.nnei

    def of_empty(self, x: Tensor) -> Tensor:
        """G (n, M) of empty slots, from their normalised s (n,), where types fade out."""
        G = self.nets.radial(x)
        for layer in self.attention:
            G = layer.of_empty(G)
        return G

    def _attend(self, env: Environment, G: Tensor, w: Tensor, direction: Tensor) -> Tensor:
        """G (npairs, M) after all attention layers; w: (npairs,), direction: (npairs, 3)."""
        order = torch.argsort(env.centre, stable=True)
        centre = env.centre[order]
        column = torch.arange(len(order), device=order.device) - torch.searchsorted(centre, centre)
        width = int(column.max()) + 1 if len(order) else 0
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

    def statistics(self) -> RowStatistics:
        """Mean and spread of raw rows."""
        return RowStatistics(self)

    def with_statistics(self, davg: Tensor, dstd: Tensor) -> None:
        """Set the mean and spread of raw rows, (ntypes, 4) each."""
        self.davg.copy_(davg)
        self.dstd.copy_(dstd)
