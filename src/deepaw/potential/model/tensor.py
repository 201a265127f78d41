"""Dipoles and polarizabilities: a tensor of each atom, whose sum is that of the frame."""

from __future__ import annotations

import torch
from torch import Tensor

from deepaw.potential.fitting.registry import make_tensor_fitting
from deepaw.potential.fitting.tensor import TensorConfig, TensorFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.environment import Environment


class TensorModel(AtomicModel):
    """T = sum_i fitting(descriptor_i, vectors of i), over the atoms of `sel_type`; no others have a tensor.

    Raises InputError: a descriptor without vectors; a sel_type that is no type.
    """

    fitting: TensorFitting

    def _make_fitting(self, generator: torch.Generator | None) -> TensorFitting:
        section = self.config.fitting_net
        assert isinstance(section, TensorConfig)
        return make_tensor_fitting(section, len(self.type_map), self.descriptor, generator=generator)

    def _silent(self) -> set[int]:
        selected = self.fitting.config.sel_type
        others = set() if selected is None else set(range(len(self.type_map))) - set(selected)
        return super()._silent() | others

    @property
    def units(self) -> dict[str, str]:
        """Of lengths, and of tensors, which have that of the labels."""
        return {"length": "A", self.fitting.config.label: "of the labels"}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a tensor: (3,) or (3, 3)."""
        return self.fitting.shape

    def forward(self, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Tensors of atoms, (natoms, *shape), float64: the reference, every network run for every pair.

        env: pairs within `rcut`. fparam, aparam: as `FittingNets.parameters_of`.
        """
        D, T = self.descriptor.with_vectors(self.visible(env))
        return self.selected_only(env.types, self.fitting(D, T, env.types, fparam, aparam))

    def selected_only(self, types: Tensor | int, tensors: Tensor) -> Tensor:
        """Tensors (n, *shape), 0 for atoms of types that have none; types: (n,), or that of all."""
        weight = self.contributes[types]
        return tensors * weight.view(*weight.shape, *[1] * len(self.shape))
