"""Base class of fitting nets of atomic tensors: the outputs of the nets are weights of equivariant vectors."""

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
    """Name of the tensor in the labels of data."""

    sel_type: tuple[int, ...] | None = Field(None, description="types of the atoms that have a tensor; by default all")

    @field_validator("sel_type", mode="before")
    @classmethod
    def _int_to_tuple(cls, sel_type: object) -> object:
        if type(sel_type) is int:
            return (sel_type,)
        return tuple(sel_type) if isinstance(sel_type, list) else sel_type

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError unless `sel_type` is None or a list of one or more types."""
        if self.sel_type is not None and not (self.sel_type and all(0 <= kind < ntypes for kind in self.sel_type)):
            raise ValueError(f"sel_type is {list(self.sel_type)}; it should list types from 0 to {ntypes - 1}")


class TensorFitting(FittingNets, ABC):
    """Tensors of atoms from their descriptors and from equivariant vectors T (channels, 3).

    channels: number of vectors of an atom. shape: shape of an atomic tensor.
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
        """Return tensors (n, *shape), float64, of atoms of one type.

        outputs: of their net, (n, outputs). T: their vectors, (n, channels, 3).
        """

    @abstractmethod
    def turned(self, outputs: Tensor, directions: Tensor) -> Tensor | None:
        """Return the outputs that give the same tensors with vectors V instead of T = directions^T V.

        outputs: (n, outputs). directions: (functions, channels), for V (functions, 3). None if there is no such form.
        """

    def of_type(
        self, kind: int, D: Tensor, T: Tensor, parameters: Tensor | None, compute: torch.dtype | None = None
    ) -> Tensor:
        """Compute tensors (n, *shape), float64, of atoms of one type.

        D: descriptors (n, width). T: vectors (n, channels, 3). parameters: their rows of `parameters_of`.
        compute: as for `FittingNet`.
        """
        return self.assembled(kind, self.net_outputs(kind, D, parameters, compute), T.to(self.dtype))

    def forward(
        self, D: Tensor, T: Tensor, types: Tensor, fparam: Tensor | None = None, aparam: Tensor | None = None
    ) -> Tensor:
        """Compute tensors (natoms, *shape), float64.

        D: descriptors (natoms, width). T: vectors (natoms, channels, 3). types: (natoms,).
        fparam, aparam: as for `parameters_of`.
        """
        parameters = self.parameters_of(len(D), fparam, aparam)
        result = torch.zeros(len(D), *self.shape, dtype=torch.float64, device=D.device)
        for kind in types.unique().tolist():
            atoms = torch.nonzero(types == kind).squeeze(1)
            tensors = self.of_type(kind, D[atoms], T[atoms], None if parameters is None else parameters[atoms])
            result = result.index_put((atoms,), tensors)
        return result
