"""Base class of descriptors that embed one neighbour at a time: networks and the spectral basis."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.moments import MomentKernel
from deepaw.potential.descriptor.slotted import EmbeddingConfig, SlottedDescriptor
from deepaw.potential.descriptor.type_embedding import InputMode, TypedNets, TypeEmbedding, TypeEmbeddingConfig
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.precision import dtype_of
from deepaw.spectral import ChebyshevBasis


class PairwiseConfig(EmbeddingConfig):
    """Keys of descriptors made of embedding nets of one neighbour."""

    type_input: ClassVar[InputMode] = "concat"
    """Form in which a net of types enters the embedding."""

    type_one_side: bool = Field(False, description="one net for each neighbour type, not for each pair of types")


class PairwiseDescriptor(SlottedDescriptor):
    """Descriptor with embedding nets of one neighbour."""

    def __init__(
        self,
        config: PairwiseConfig,
        ntypes: int,
        *,
        type_map: Sequence[str] = (),
        types: TypeEmbeddingConfig | None = None,
        fixed_slots: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """types: section of a net of types; one embedding net then serves all pairs of types, and rows end with the
        embedding of the centre's type. type_map: names of the types, for electron configurations."""
        super().__init__(config, ntypes, fixed_slots=fixed_slots)
        self.networks_by_pair = not config.type_one_side
        type_embedding = None if types is None else TypeEmbedding(types, ntypes, type_map, generator=generator)
        self.nets = self._make_nets(config, type_embedding, generator)
        self.nets.requires_grad_(config.trainable)

    def _make_nets(
        self, config: PairwiseConfig, types: TypeEmbedding | None, generator: torch.Generator | None
    ) -> EmbeddingNets | TypedNets:
        if types is not None:
            return TypedNets(
                types,
                config.neuron,
                mode=config.type_input,
                one_side=config.type_one_side,
                activation=config.activation_function,
                resnet_dt=config.resnet_dt,
                dtype=dtype_of(config.precision),
                generator=generator,
            )
        return EmbeddingNets(
            self.ntypes**2 if self.networks_by_pair else self.ntypes,
            config.neuron,
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            dtype=dtype_of(config.precision),
            generator=generator,
        )

    @property
    def types(self) -> TypeEmbedding | None:
        """Net of types, or None."""
        return self.nets.types if isinstance(self.nets, TypedNets) else None

    @property
    def shares_nets(self) -> bool:
        """Whether rows end with the embedding of the centre's type."""
        return self.types is not None

    def with_type(self, D: Tensor, types: Tensor | int) -> Tensor:
        """Append the embedding of the centre's type, if there is one, to rows D (n, ...).

        types: type of each centre, (n,), or one type for all.
        """
        if self.types is None:
            return D
        T = self.types().to(D.dtype)[types]
        return torch.cat([D, T.expand(len(D), -1)], dim=1)

    def net_index(self, centre_type: Tensor, neighbour_type: Tensor) -> Tensor:
        """Return the index of the embedding net of pairs of types."""
        return centre_type + self.ntypes * neighbour_type if self.networks_by_pair else neighbour_type

    def embed(self, env: Environment, x: Tensor) -> Tensor:
        """Compute G (npairs, M), the net of each pair at its normalised x (npairs,)."""
        nets = self.net_index(env.types[env.centre], env.types[env.neighbour])
        result = x.new_zeros(len(x), self.config.neuron[-1])
        for net in nets.unique().tolist():
            pairs = torch.nonzero(nets == net).squeeze(1)
            result = result.index_put((pairs,), self.nets.evaluate(net, x[pairs]))
        return result

    def embed_types(self, x: Tensor) -> Tensor:
        """Compute G (centre types, neighbour types, M) at one x (centre types,) for each type of centre."""
        types = torch.arange(self.ntypes, device=x.device)
        rows = [
            torch.stack(
                [self.nets.evaluate(int(self.net_index(centre, kind)), x[centre : centre + 1])[0] for kind in types]
            )
            for centre in types
        ]
        return torch.stack(rows)

    def training_kernel(self, closest: float, polynomials: int) -> TrainingKernel[Any]:
        """Return the spectral form where its nets are smooth, or else the equations."""
        if not self.is_spectral:
            return super().training_kernel(closest, polynomials)
        return MomentKernel(self.pair_form(ChebyshevBasis(0.0, self.largest_s(closest), polynomials)))

    def pair_form(self, basis: ChebyshevBasis) -> PairForm:
        """Return the settings of the pair operator on a basis of raw s."""
        config = self.config
        empty, excluded_slot = self.slot_moments(basis)
        return PairForm(
            rcut=config.rcut,
            rcut_smth=config.rcut_smth,
            protection=config.env_protection,
            basis=basis,
            mean=self.davg.double(),
            scale=1 / self.dstd.double(),
            excluded=self.excluded,
            slots=torch.tensor(self.slots_by_type, dtype=torch.float64, device=self.davg.device),
            empty=empty,
            hidden=excluded_slot,
            fixed_slots=self.fixed_slots,
            fading=self.fades_types,
        )

    @property
    def fades_types(self) -> bool:
        """Whether the dependence of embeddings on types fades out towards the cutoff."""
        return False

    @abstractmethod
    def slot_moments(self, basis: ChebyshevBasis) -> tuple[Tensor, Tensor]:
        """Return the moments of an empty slot and of a slot that an excluded neighbour takes (`neighbours_and_slots`).

        By type of the centre, (ntypes, components, K) each, float64.
        """

    @abstractmethod
    def contract(self, moments: Tensor, coefficients: Tensor) -> Tensor:
        """Compute descriptors (n, width) of atoms of one type from their moments (n, components, ntypes, K).

        coefficients: (ntypes * K, M), for this type of centre.
        """

    def coefficients(self, basis: ChebyshevBasis) -> Tensor:
        """Return C (centre types, ntypes * K, M), the nets in a basis of raw s, differentiable in their weights."""
        x = self.inputs_at_nodes(basis)
        ntypes, size = self.ntypes, basis.size
        by_type = self.nets(x).view(ntypes, ntypes, size, -1)  # neighbour's type, centre's type, node
        fitted = basis.coefficients(by_type.permute(2, 1, 0, 3).reshape(size, -1))
        return fitted.view(size, ntypes, ntypes, -1).permute(1, 2, 0, 3).reshape(ntypes, ntypes * size, -1)

    def inputs_at_nodes(self, basis: ChebyshevBasis) -> Tensor:
        """Return the inputs of the nets at the nodes of a basis of raw s, (networks, n).

        The order of the networks * n = ntypes * ntypes * size inputs is neighbour's type, centre's type, node.
        """
        nodes = basis.nodes(torch.float64, self.davg.device)
        x = ((nodes - self.davg[:, :1]) / self.dstd[:, :1]).to(self.dtype)
        ntypes = self.ntypes
        return x.repeat(ntypes, 1) if self.networks_by_pair else x.reshape(1, -1).expand(ntypes, -1)
