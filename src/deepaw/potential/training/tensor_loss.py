"""What training of dipoles and polarizabilities minimises: the section `loss` of type `tensor`, and the loss itself.

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
    """pref <dT^2> + pref_atomic <dT_i^2>, means over frames or selected atoms and over components.

    T is the sum over the atoms of a frame; it is not divided by their number.
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
        """Those needed for a tensor of this name, as in `deepaw.potential.training.labels.LABELS`."""
        return [name] * (self.pref > 0) + [f"atom_{name}"] * (self.pref_atomic > 0)


CURVE = {"dipole": "dipole", "polarizability": "polar"}
"""What DeePMD-kit calls tensors in learning curves."""


@dataclass(frozen=True)
class TensorErrors:
    """How the errors of tensors are called: rmse_global_dipole, of a frame's tensor by the number of its selected
    atoms, and rmse_local_dipole, of those of atoms."""

    section: TensorLossInput
    name: str

    def named(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """Those of the loss's terms."""
        values = means.sqrt().tolist()
        terms = (("global", self.section.pref), ("local", self.section.pref_atomic))
        return {
            f"rmse_{term}_{CURVE[self.name]}": value
            for (term, pref), value in zip(terms, values, strict=True)
            if pref > 0
        }


class TensorLoss:
    """The loss of a batch of frames, which may have different numbers of atoms.

    Each term is its prefactor times a mean over the labels that the batch has; a term without any label is 0.

    Args:
        section: the prefactors.
        name: of the tensor, as in the labels of data.
    """

    terms = 2
    """How many sums its errors have: of frames and of atoms."""
    needs_virial = False

    def __init__(self, section: TensorLossInput, name: str) -> None:
        self.section = section
        self.shown = TensorErrors(section, name)

    def counts(self, labels: Labels, natoms: Tensor) -> Tensor:
        """Frames and selected atoms that have labels, (2,), float64; see `EnergyLoss.counts`."""
        counts = torch.zeros(2, dtype=torch.float64, device=natoms.device)
        if labels.tensor is not None:
            counts[0] = len(natoms) if labels.tensor_given is None else labels.tensor_given.sum()
        if labels.atom_tensor is not None:
            counts[1] = _weights(labels, natoms).sum()
        return counts

    def __call__(
        self, rate: float, predictions: Predictions, labels: Labels, natoms: Tensor, counts: Tensor | None = None
    ) -> tuple[Tensor, Errors]:
        """The loss, scalar, float64, differentiable, and the errors it is made of; arguments as of `EnergyLoss`."""
        own = self.counts(labels, natoms)
        counts = own if counts is None else counts
        loss, sums, components = torch.zeros_like(own[0]), torch.zeros_like(own), 1
        if self.section.pref > 0 and labels.tensor is not None:
            assert predictions.tensor is not None
            error = (predictions.tensor - labels.tensor).flatten(1)
            if labels.tensor_given is not None:
                error = error * labels.tensor_given.unsqueeze(1)
            components = error.shape[1]
            loss = loss + self.section.pref * error.square().sum() / (counts[0].clamp(min=1) * components)
            sums[0] = (error.detach() / _selected(labels, natoms).clamp(min=1).unsqueeze(1)).square().sum()
        if self.section.pref_atomic > 0 and labels.atom_tensor is not None:
            assert predictions.atom_tensor is not None
            error = (predictions.atom_tensor - labels.atom_tensor).flatten(1) * _weights(labels, natoms).unsqueeze(1)
            components = error.shape[1]
            loss = loss + self.section.pref_atomic * error.square().sum() / (counts[1].clamp(min=1) * components)
            sums[1] = error.detach().square().sum()
        return loss, Errors(loss.detach(), sums, own * components, self.shown)


def _weights(labels: Labels, natoms: Tensor) -> Tensor:
    """(natoms,), float64, 1 for selected atoms of frames that have labels of atoms, 0 for others."""
    assert labels.selected is not None
    given = labels.atom_tensor_given
    if given is None:
        return labels.selected
    return labels.selected * given.repeat_interleave(natoms, output_size=len(labels.selected))


def _selected(labels: Labels, natoms: Tensor) -> Tensor:
    """(nframes,), selected atoms of each frame."""
    assert labels.selected is not None
    frame = torch.arange(len(natoms), device=natoms.device).repeat_interleave(natoms)
    return labels.selected.new_zeros(len(natoms)).index_add(0, frame, labels.selected)
