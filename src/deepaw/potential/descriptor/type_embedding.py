"""Trainable embedding of the types of atoms, so that one embedding net serves all pairs of types."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from deepaw.inputfile import Section
from deepaw.potential.network.activation import ActivationName
from deepaw.potential.network.electrons import electron_rows
from deepaw.potential.network.layer import Layer
from deepaw.potential.precision import Precision, dtype_of

InputMode = Literal["concat", "strip"]


class TypeEmbeddingConfig(Section):
    """One net whose input is the type; the section `model.type_embedding`."""

    neuron: tuple[int, ...] = Field((8,), min_length=1, description="widths of the layers; the last is the embedding's")
    resnet_dt: bool = Field(False, description="a timestep in residual layers")
    activation_function: ActivationName = Field("tanh", description="of the layers; null for none")
    precision: Precision = Field("default", description="of the net; default is float64")
    use_econf_tebd: bool = Field(False, description="electron configurations of the elements in, not their numbers")
    use_tebd_bias: bool = Field(False, description="a bias in the layers")
    seed: int | None = Field(None, description="of the initial weights; by default that of the training")

    @field_validator("neuron")
    @classmethod
    def _widths(cls, neuron: tuple[int, ...]) -> tuple[int, ...]:
        if min(neuron) < 1:
            raise ValueError(f"{list(neuron)} should be widths of layers, 1 or more")
        return neuron

    @field_validator("activation_function", mode="before")
    @classmethod
    def _null_is_none(cls, name: object) -> object:
        return "none" if name is None else name


class TypeEmbedding(nn.Module):
    """Embedding T_t = net(e_t), where e_t is the unit vector of type t, or its electron configuration."""

    inputs: Tensor

    def __init__(
        self,
        config: TypeEmbeddingConfig,
        ntypes: int,
        type_map: Sequence[str] = (),
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """type_map: the elements, for use_econf_tebd. Raises InputError: names that are not elements."""
        super().__init__()
        self.config = config
        self.width = config.neuron[-1]
        if config.seed is not None:
            generator = torch.Generator().manual_seed(config.seed)
        inputs = electron_rows(type_map) if config.use_econf_tebd else torch.eye(ntypes, dtype=torch.float64)
        self.register_buffer("inputs", inputs, persistent=False)
        self.layers = nn.ModuleList(
            Layer(
                layer_inputs,
                layer_outputs,
                activation=config.activation_function,
                residual=True,
                timestep=config.resnet_dt,
                bias=config.use_tebd_bias,
                dtype=dtype_of(config.precision),
                generator=generator,
            )
            for layer_inputs, layer_outputs in pairwise((inputs.shape[1], *config.neuron))
        )

    def forward(self) -> Tensor:
        """Compute T, (ntypes, width)."""
        return _apply_layers(self.layers, self.inputs.to(self.dtype))

    @property
    def dtype(self) -> torch.dtype:
        """Type of numbers of the net."""
        return next(self.parameters()).dtype


class TypedNets(nn.Module):
    """Embedding nets of all pairs of types, made of one or two nets and the embeddings T of types.

    concat: G(x) = net(x, T_neighbour, T_centre). strip: G(x) = net(x) * (1 + w type_net(T_neighbour, T_centre)), all
    products by element, with w = 1, or the switch function of the distance where types are to be smooth. With
    `one_side` there is no T_centre, and a net for each type of neighbour.

    The net of a pair has the index centre + ntypes * neighbour, or neighbour, as in `EmbeddingNets`.
    """

    def __init__(
        self,
        types: TypeEmbedding,
        neuron: Sequence[int],
        *,
        mode: InputMode = "concat",
        one_side: bool = False,
        activation: str = "tanh",
        resnet_dt: bool = False,
        dtype: torch.dtype = torch.float64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.mode, self.one_side = mode, one_side
        type_inputs = types.width * (1 if one_side else 2)

        def net(inputs: int) -> nn.ModuleList:
            return nn.ModuleList(
                Layer(
                    layer_inputs,
                    layer_outputs,
                    activation=activation,
                    residual=True,
                    timestep=resnet_dt,
                    dtype=dtype,
                    generator=generator,
                )
                for layer_inputs, layer_outputs in pairwise((inputs, *neuron))
            )

        self.layers = net(1 + type_inputs if mode == "concat" else 1)
        self.type_layers = net(type_inputs) if mode == "strip" else None
        self.types = types

    @property
    def networks(self) -> int:
        """Number of nets: one for each pair of types, or for each type of neighbour."""
        ntypes = len(self.types.inputs)
        return ntypes if self.one_side else ntypes**2

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate every net at its own n inputs with w = 1: x (networks, n) -> (networks, n, M)."""
        networks, n = x.shape
        index = torch.arange(networks, device=x.device).repeat_interleave(n)
        return self.evaluate_pairs(index, x.reshape(-1)).view(networks, n, -1)

    def evaluate(self, index: int, x: Tensor) -> Tensor:
        """Evaluate net `index` with w = 1: x (n,) -> (n, M)."""
        return self.evaluate_pairs(torch.full((len(x),), index, device=x.device), x)

    def evaluate_pairs(self, index: Tensor, x: Tensor, w: Tensor | None = None) -> Tensor:
        """Compute G (n, M) of the nets `index` (n,) at x (n,); w: (n,), or None for 1."""
        if self.mode == "concat":
            return _apply_layers(self.layers, torch.cat([x.unsqueeze(1), self._type_inputs(x.dtype)[index]], dim=1))
        factor = self.type_factors(x.dtype)[index]
        return self.radial(x) * (1 + (factor if w is None else w.unsqueeze(1) * factor))

    def radial(self, x: Tensor) -> Tensor:
        """Compute net(x) of strip, (n,) -> (n, M)."""
        return _apply_layers(self.layers, x.unsqueeze(1))

    def type_factors(self, dtype: torch.dtype) -> Tensor:
        """Compute type_net of strip for each pair of types, (networks, M)."""
        assert self.type_layers is not None
        return _apply_layers(self.type_layers, self._type_inputs(dtype))

    def _type_inputs(self, dtype: torch.dtype) -> Tensor:
        """Return the inputs of nets from types, (networks, inputs): T of the neighbour, then T of the centre."""
        T = self.types().to(dtype)
        if self.one_side:
            return T
        ntypes = len(T)
        return torch.cat([T.repeat_interleave(ntypes, dim=0), T.repeat(ntypes, 1)], dim=1)


def _apply_layers(layers: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
