"""Loss of dipoles and polarizabilities: the input section `loss` of type `tensor`, and the loss function.

The formulas are those of DeePMD-kit 3.2 (its documentation, "Fit tensor").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from deepaw.inputfile import Section
from deepaw.potential.training.errors import Errors
from deepaw.potential.training.labels import Labels, Predictions


class TensorLossInput(Section):
    """pref <dT^2> + pref_atomic <dT_i^2>, with means over frames or selected atoms and over components.

    T is the sum over the atoms of a frame; it is not divided by the number of atoms.
    """

    type: Literal["tensor"]
    pref: float = Field(ge=0, description="prefactor of the tensor of a frame (dipole, polarizability)")
    pref_atomic: float = Field(
        ge=0, description="prefactor of the tensors of atoms (atomic_dipole, atomic_polarizability)"
    )

    @model_validator(mode="after")
    def _has_a_term(self) -> TensorLossInput:
        if self.pref == self.pref_atomic == 0:
            raise ValueError("pref and pref_atomic are both 0; nothing is left to minimise")
        return self

    def labels(self, name: str) -> list[str]:
        """Return the keys of `deepaw.potential.training.labels.LABELS` that are needed for a tensor of this name."""
        return [name] * (self.pref > 0) + [f"atom_{name}"] * (self.pref_atomic > 0)


CURVE_NAMES = {"dipole": "dipole", "polarizability": "polar"}
"""Names of tensors in learning curves, as in DeePMD-kit."""


@dataclass(frozen=True)
class TensorErrors:
    """Names of errors of tensors: rmse_global_dipole, of the tensor of a frame divided by its number of selected atoms,
    and rmse_local_dipole, of atomic tensors."""

    section: TensorLossInput
    name: str

    def name_errors(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """Return the errors of the terms by name."""
        values = means.sqrt().tolist()
        terms = (("global", self.section.pref), ("local", self.section.pref_atomic))
        return {
            f"rmse_{term}_{CURVE_NAMES[self.name]}": value
            for (term, pref), value in zip(terms, values, strict=True)
            if pref > 0
        }


class TensorLoss:
    """Loss of a batch of frames, which may have different numbers of atoms.

    Each term is its prefactor times a mean over the labels of the batch; a term without any label is 0.

    Args:
        section: input section.
        name: of the tensor, as in the labels of data.
    """

    terms = 2
    """Number of terms in `Errors`: frames and atoms."""
    needs_virial = False

    def __init__(self, section: TensorLossInput, name: str) -> None:
        self.section = section
        self.error_names = TensorErrors(section, name)

    def counts(self, labels: Labels, natoms: Tensor) -> Tensor:
        """Count the frames and selected atoms that have labels, (2,), float64; see `EnergyLoss.counts`."""
        counts = torch.zeros(2, dtype=torch.float64, device=natoms.device)
        if labels.tensor is not None:
            counts[0] = len(natoms) if labels.has_tensor is None else labels.has_tensor.sum()
        if labels.atom_tensor is not None:
            counts[1] = _atom_weights(labels, natoms).sum()
        return counts

    def __call__(
        self, rate: float, predictions: Predictions, labels: Labels, natoms: Tensor, counts: Tensor | None = None
    ) -> tuple[Tensor, Errors]:
        """Compute the loss, scalar, float64, differentiable, and its errors; arguments as of `EnergyLoss`."""
        part_counts = self.counts(labels, natoms)
        counts = part_counts if counts is None else counts
        loss, sums, components = torch.zeros_like(part_counts[0]), torch.zeros_like(part_counts), 1
        if self.section.pref > 0 and labels.tensor is not None:
            assert predictions.tensor is not None
            error = (predictions.tensor - labels.tensor).flatten(1)
            if labels.has_tensor is not None:
                error = error * labels.has_tensor.unsqueeze(1)
            components = error.shape[1]
            loss = loss + self.section.pref * error.square().sum() / (counts[0].clamp(min=1) * components)
            sums[0] = (error.detach() / _selected_counts(labels, natoms).clamp(min=1).unsqueeze(1)).square().sum()
        if self.section.pref_atomic > 0 and labels.atom_tensor is not None:
            assert predictions.atom_tensor is not None
            error = (predictions.atom_tensor - labels.atom_tensor).flatten(1) * _atom_weights(labels, natoms).unsqueeze(
                1
            )
            components = error.shape[1]
            loss = loss + self.section.pref_atomic * error.square().sum() / (counts[1].clamp(min=1) * components)
            sums[1] = error.detach().square().sum()
        return loss, Errors(loss.detach(), sums, part_counts * components, self.error_names)


def _atom_weights(labels: Labels, natoms: Tensor) -> Tensor:
    """Return 1 for selected atoms of frames that have atomic labels, 0 for others, (natoms,), float64."""
    assert labels.selected is not None
    has_label = labels.has_atom_tensor
    if has_label is None:
        return labels.selected
    return labels.selected * has_label.repeat_interleave(natoms, output_size=len(labels.selected))


def _selected_counts(labels: Labels, natoms: Tensor) -> Tensor:
    """Return the number of selected atoms of each frame, (nframes,)."""
    assert labels.selected is not None
    frame = torch.arange(len(natoms), device=natoms.device).repeat_interleave(natoms)
    return labels.selected.new_zeros(len(natoms)).index_add(0, frame, labels.selected)
