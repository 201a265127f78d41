"""What fitting nets of atomic tensors have in common: the nets weigh vectors that turn with the atoms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from deepaw.potential.fitting.base import FittingNets, NetsConfig


class TensorConfig(NetsConfig):
    """Keys of fitting nets of tensors."""

    label: ClassVar[str]
    """What the labels of data call the tensor."""

    sel_type: tuple[int, ...] | None = Field(None, description="types of the atoms that have a tensor; by default all")

    @field_validator("sel_type", mode="before")
    @classmethod
    def _one_is_a_list(cls, sel_type: object) -> object:
        if type(sel_type) is int:
            return (sel_type,)
        return tuple(sel_type) if isinstance(sel_type, list) else sel_type

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError unless `sel_type` lists types, one at least."""
        if self.sel_type is not None and not (self.sel_type and all(0 <= kind < ntypes for kind in self.sel_type)):
            raise ValueError(f"sel_type is {list(self.sel_type)}; it should list types from 0 to {ntypes - 1}")


class TensorFitting(FittingNets, ABC):
    """Tensors of atoms from their descriptors and from vectors T (channels, 3) that turn as the structure does.

    channels: how many vectors an atom has. shape: of a tensor.
    """

    config: TensorConfig
    shape: tuple[int, ...]

    def __init__(
        self,
        config: TensorConfig,
        ntypes: int,
        width: int,
        channels: int,
        outputs: int,
        *,
        shared: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(config, ntypes, width, outputs, shared=shared, generator=generator)
        self.channels = channels

    @abstractmethod
    def assembled(self, kind: int, outputs: Tensor, T: Tensor) -> Tensor:
        """Tensors (n, *shape), float64, of atoms of one type, from what their net gives (n, outputs) and their vectors
        (n, channels, 3)."""

    @abstractmethod
    def turned(self, outputs: Tensor, directions: Tensor) -> Tensor | None:
        """What stands for outputs (n, outputs) where vectors V (functions, 3) stand for T = directions^T V.

        directions: (functions, channels). None where there is nothing shorter than the outputs and T.
        """

    def of_type(
        self, kind: int, D: Tensor, T: Tensor, beside: Tensor | None, compute: torch.dtype | None = None
    ) -> Tensor:
        """Tensors (n, *shape), float64, of atoms of one type: descriptors (n, width), vectors (n, channels, 3), and
        what `parameters_of` gave for them; compute: as of `FittingNet`."""
        return self.assembled(kind, self.outputs_of(kind, D, beside, compute), T.to(self.dtype))

    def forward(
        self, D: Tensor, T: Tensor, types: Tensor, fparam: Tensor | None = None, aparam: Tensor | None = None
    ) -> Tensor:
        """Tensors (natoms, *shape), float64, of descriptors (natoms, width), vectors (natoms, channels, 3) and types
        (natoms,); parameters as `parameters_of`."""
        beside = self.parameters_of(len(D), fparam, aparam)
        result = torch.zeros(len(D), *self.shape, dtype=torch.float64, device=D.device)
        for kind in types.unique().tolist():
            atoms = torch.nonzero(types == kind).squeeze(1)
            of_type = self.of_type(kind, D[atoms], T[atoms], None if beside is None else beside[atoms])
            result = result.index_put((atoms,), of_type)
        return result
