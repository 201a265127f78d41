"""Models of atomic dipoles and polarizabilities, whose sum is the tensor of the frame."""

from __future__ import annotations

import torch
from torch import Tensor

from deepaw.potential.fitting.registry import make_tensor_fitting
from deepaw.potential.fitting.tensor import TensorConfig, TensorFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.environment import Environment


class TensorModel(AtomicModel):
    """T = sum_i fitting(descriptor_i, vectors of i) over the atoms of `sel_type`; other atoms have no tensor.

    Raises InputError: a descriptor without vectors; an invalid sel_type.
    """

    fitting: TensorFitting

    def _make_fitting(self, generator: torch.Generator | None) -> TensorFitting:
        section = self.config.fitting_net
        assert isinstance(section, TensorConfig)
        return make_tensor_fitting(section, len(self.type_map), self.descriptor, generator=generator)

    def _excluded_types(self) -> set[int]:
        selected = self.fitting.config.sel_type
        unselected = set() if selected is None else set(range(len(self.type_map))) - set(selected)
        return super()._excluded_types() | unselected

    @property
    def units(self) -> dict[str, str]:
        """Units of lengths and of tensors; tensors have the unit of the labels."""
        return {"length": "A", self.fitting.config.label: "of the labels"}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an atomic tensor: (3,) or (3, 3)."""
        return self.fitting.shape

    def forward(self, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Compute atomic tensors (natoms, *shape), float64: the reference, with every network run for every pair.

        env: pairs within `rcut`. fparam, aparam: as for `FittingNets.parameters_of`.
        """
        D, T = self.descriptor.with_vectors(self.visible(env))
        return self.mask_unselected(env.types, self.fitting(D, T, env.types, fparam, aparam))

    def mask_unselected(self, types: Tensor | int, tensors: Tensor) -> Tensor:
        """Set the tensors (n, *shape) of unselected types to 0; types: (n,), or one type for all atoms."""
        weight = self.contributes[types]
        return tensors * weight.view(*weight.shape, *[1] * len(self.shape))
