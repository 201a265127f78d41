"""DeepPot-SE with angles: Zhang et al., End-to-end symmetry preserving ..., NeurIPS 2018 (`se_e2_a`)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseConfig, PairwiseDescriptor
from deepaw.potential.descriptor.type_embedding import InputMode
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.switch import environment_rows
from deepaw.spectral import ChebyshevBasis


class SeE2AConfig(PairwiseConfig):
    """Two-body embedding of all of a neighbour's relative coordinates.

    `se_e2_a_tebd` is the same with a `type_embedding`, which it needs.
    """

    type: Literal["se_e2_a", "se_a", "se_e2_a_tebd"] = "se_e2_a"
    axis_neuron: int = Field(4, ge=1, description="columns of the embedding that the descriptor is projected on")

    @model_validator(mode="after")
    def _axes(self) -> SeE2AConfig:
        if self.axis_neuron > self.neuron[-1]:
            raise ValueError(
                f"axis_neuron is {self.axis_neuron}; it should not exceed the last width of neuron, {self.neuron[-1]}"
            )
        return self


class SeAEbdV2Config(SeE2AConfig):
    """`se_e2_a` with a `type_embedding` that goes through a net of its own, as tebd_input_mode strip of `se_atten`.

    An empty slot counts like a neighbour of its type at the cutoff. DeePMD-kit gives it a zero embedding instead, so
    that energies jump where a neighbour crosses the cutoff; with `set_davg_zero` both are the same.
    """

    type_input: ClassVar[InputMode] = "strip"
    type: Literal["se_a_ebd_v2", "se_a_tpe_v2"] = "se_a_ebd_v2"  # type: ignore[assignment]


NEED_TYPES = ("se_e2_a_tebd", "se_a_ebd_v2", "se_a_tpe_v2")
"""Names of descriptors that need a `type_embedding`."""


class SeE2A(PairwiseDescriptor):
    """D_i = A_i^T A_i[:, :axis_neuron] with A_i = (1 / nnei) sum_j R_ij^T G(R_ij[0]), flattened, (M * axis_neuron).

    With a net of types, the embedding of the type of i is appended.
    """

    components = 4
    config: SeE2AConfig

    @property
    def width(self) -> int:  # type: ignore[override]
        type_width = 0 if self.types is None else self.types.width
        return self.config.neuron[-1] * self.config.axis_neuron + type_width

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.config.neuron[-1]

    def forward(self, env: Environment) -> Tensor:
        """Compute rows (natoms, width); entry m * axis_neuron + m' is (A^T A)[m, m']."""
        return self.with_type(self.invariants(self._average(env)), env.types)

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """Compute the rows, and the last three rows of A as M vectors (natoms, M, 3)."""
        A = self._average(env)
        return self.with_type(self.invariants(A), env.types), vectors(A)

    def invariants(self, A: Tensor) -> Tensor:
        """Compute A^T A[:, :axis_neuron], (n, M * axis_neuron), of A (n, 4, M)."""
        return torch.bmm(A.transpose(1, 2), A[:, :, : self.config.axis_neuron]).flatten(1)

    def _average(self, env: Environment) -> Tensor:
        """Compute A, (natoms, 4, M)."""
        config = self.config
        env, empty, _ = self.neighbours_and_slots(env)
        centre_types = env.types[env.centre]
        raw = environment_rows(env.vector, config.rcut_smth, config.rcut, config.env_protection)
        R = ((raw - self.davg[centre_types]) / self.dstd[centre_types]).to(self.dtype)
        G = self.embed(env, R[:, 0])
        A = R.new_zeros(env.natoms, 4, G.shape[1]).index_add(0, env.centre, R.unsqueeze(2) * G.unsqueeze(1))
        R_empty = (-self.davg / self.dstd).to(self.dtype)
        G_empty = self.embed_types(R_empty[:, 0])
        empty_sum = torch.einsum("it,itm->im", empty.to(R.dtype), G_empty[env.types])
        return (A + R_empty[env.types].unsqueeze(2) * empty_sum.unsqueeze(1)) / self.nnei

    def slot_moments(self, basis: ChebyshevBasis) -> tuple[Tensor, Tensor]:
        """Return the moments of a neighbour at the cutoff, and 0."""
        at_cutoff = basis.values(self.davg.new_zeros(()))
        empty = (-self.davg / self.dstd).unsqueeze(2) * at_cutoff
        return empty, torch.zeros_like(empty)

    def contract(self, moments: Tensor, coefficients: Tensor) -> Tensor:
        """Compute A^T A[:, :axis_neuron], (n, M * axis_neuron), of A = B C / nnei."""
        return self.invariants(self._average_of_moments(moments, coefficients))

    def contract_with_vectors(self, moments: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the rows of `contract`, and the last three rows of A as M vectors (n, M, 3)."""
        A = self._average_of_moments(moments, coefficients)
        return self.invariants(A), vectors(A)

    def _average_of_moments(self, moments: Tensor, coefficients: Tensor) -> Tensor:
        A = moments.flatten(0, 1).flatten(1) @ coefficients
        return A.unflatten(0, (len(moments), 4)) / self.nnei


def vectors(A: Tensor) -> Tensor:
    """Return the last three rows of A (n, 4, M), which rotate with the environment, as vectors (n, M, 3)."""
    return A[:, 1:].transpose(1, 2)
