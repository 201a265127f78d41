"""Loss of energies, forces and virials: the input section `loss`, and the loss function.

The formulas are those of DeePMD-kit 3.2 (its documentation, "Fit energy"; Zhang et al., Phys. Rev. Lett. 120, 143001,
eq. 2).
"""

from __future__ import annotations

import json
from typing import Any, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from deepaw.inputfile import Section
from deepaw.potential.training.errors import Errors
from deepaw.potential.training.labels import Labels, Predictions

Term = Literal["e", "f", "v", "ae", "pf"]

TERMS: tuple[Term, ...] = ("e", "f", "v", "ae", "pf")
"""Energy, force, virial, atomic energies, forces weighted by atom: the order of errors."""

_FRAME_TERMS = ("e", "v")
_COMPONENTS: dict[Term, int] = {"e": 1, "f": 3, "v": 9, "ae": 1, "pf": 3}
_LABEL: dict[Term, str] = {"e": "energy", "f": "force", "v": "virial", "ae": "atom_energy", "pf": "force"}


class EnergyLossInput(Section):
    """Prefactors run from `start_*` to `limit_*` with the learning rate; a term whose two are 0 is left out.

    With the default settings, N atoms in a frame, and means over the frames, or atoms and components, of a batch:
    pref_e <dE^2 / N> + pref_f <dF^2> + pref_v <dV^2 / N> + pref_ae <dE_i^2> + pref_pf <p_i dF^2>.
    """

    type: Literal["ener", "ener_hess"] = "ener"
    start_pref_e: float = Field(0.02, ge=0, description="prefactor of the energy at the start")
    limit_pref_e: float = Field(1.0, ge=0, description="prefactor of the energy at learning rate 0")
    start_pref_f: float = Field(1000.0, ge=0, description="prefactor of the forces at the start")
    limit_pref_f: float = Field(1.0, ge=0, description="prefactor of the forces at learning rate 0")
    start_pref_v: float = Field(0.0, ge=0, description="prefactor of the virial at the start")
    limit_pref_v: float = Field(0.0, ge=0, description="prefactor of the virial at learning rate 0")
    start_pref_ae: float = Field(0.0, ge=0, description="prefactor of the atoms' energies (atom_ener) at the start")
    limit_pref_ae: float = Field(0.0, ge=0, description="prefactor of the atoms' energies at learning rate 0")
    start_pref_pf: float = Field(
        0.0, ge=0, description="prefactor of the forces weighted by atom_pref of each atom at the start"
    )
    limit_pref_pf: float = Field(0.0, ge=0, description="prefactor of the weighted forces at learning rate 0")
    use_default_pf: bool = Field(False, description="where a system has no atom_pref, take 1 for each atom")
    relative_f: float | None = Field(
        None, gt=0, description="eV/A; divide the error of each force by the force's norm plus this"
    )
    loss_func: Literal["mse", "mae"] = Field("mse", description="squares or absolute values of the errors")
    use_huber: bool = Field(
        False, description="d^2 / 2 for errors up to huber_delta, huber_delta (|d| - huber_delta / 2) for larger ones"
    )
    huber_delta: float | tuple[float, float, float] = Field(
        0.01, description="of energy per atom, force and virial per atom; one number for all of them or three"
    )
    f_use_norm: bool = Field(
        False, description="the norm of an atom's force error instead of its components; with mae or use_huber"
    )
    intensive_ener_virial: bool = Field(
        False, description="<(dE / N)^2> and <(dV / N)^2> instead of dividing by N once; squares only"
    )

    @field_validator("huber_delta", mode="before")
    @classmethod
    def _check_huber_delta(cls, delta: Any) -> Any:
        numbers = delta if isinstance(delta, list | tuple) and len(delta) == 3 else [delta]
        if not all(type(number) in (int, float) and number > 0 for number in numbers):
            raise ValueError(f"{json.dumps(delta)} should be a number greater than 0, or a list of three")
        return delta

    @model_validator(mode="after")
    def _check_combinations(self) -> EnergyLossInput:
        if self.use_huber and self.loss_func == "mae":
            raise ValueError('use_huber is true and loss_func is "mae"; keep one of them')
        if self.use_huber and self.relative_f is not None:
            raise ValueError("use_huber and relative_f are both given; keep one of them")
        if self.use_huber and "pf" in self.terms:
            raise ValueError("use_huber is not defined with start_pref_pf and limit_pref_pf; these should be 0")
        if self.f_use_norm and not self.use_huber and self.loss_func == "mse":
            raise ValueError('f_use_norm is true; it should only be with loss_func "mae" or use_huber true')
        return self

    @property
    def deltas(self) -> tuple[float, float, float]:
        """huber_delta of energy, force and virial."""
        return self.huber_delta if isinstance(self.huber_delta, tuple) else (self.huber_delta,) * 3

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms with a prefactor that is not always 0."""
        return tuple(t for t in TERMS if getattr(self, f"start_pref_{t}") or getattr(self, f"limit_pref_{t}"))

    def name_errors(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """Return `rmse`, the square root of the loss, and `rmse_e`, `rmse_f`, ... (or `mae_e`, ...) of the terms.

        means: (5,), in the order of TERMS. Units: eV/atom, eV/A, eV/atom, eV, eV/A.
        """
        mae = self.loss_func == "mae"
        errors = dict(zip(TERMS, (means if mae else means.sqrt()).tolist(), strict=True))
        named = {f"{'mae' if mae else 'rmse'}_{term}": errors[term] for term in self.terms}
        return {"rmse": float(loss.sqrt())} | named


class EnergyLoss:
    """Loss of a batch of frames, which may have different numbers of atoms.

    pref(term) = limit + (start - limit) * rate / start_lr. Each term is its prefactor times a mean over the labels of
    the batch: over frames for energy and virial, over atoms of all frames for others. A term without any label is 0.

    Args:
        section: input section.
        start_lr: learning rate of the initial prefactors.
    """

    terms = len(TERMS)
    """Number of terms in `Errors`."""

    def __init__(self, section: EnergyLossInput, start_lr: float) -> None:
        self.section = self.error_names = section
        self.needs_virial = "v" in section.terms
        self._start_lr = start_lr

    def prefactor(self, term: Term, rate: float) -> float:
        """Return the prefactor of a term at a learning rate."""
        start, limit = getattr(self.section, f"start_pref_{term}"), getattr(self.section, f"limit_pref_{term}")
        return limit + (start - limit) * rate / self._start_lr

    def counts(self, labels: Labels, natoms: Tensor) -> Tensor:
        """Count the frames or atoms that have the labels of each of TERMS, (5,), float64.

        If processes share a batch, each passes the sum of all counts to its call; then the sum of their losses is the
        loss of the batch. natoms: (nframes,), int64.
        """
        counts = torch.zeros(len(TERMS), dtype=torch.float64, device=natoms.device)
        for position, term in enumerate(TERMS):
            if _has_labels(term, labels, self.section):
                frame_counts = torch.ones_like(natoms) if term in _FRAME_TERMS else natoms
                has_label = _has_label(term, labels)
                counts[position] = (frame_counts if has_label is None else frame_counts * has_label).sum()
        return counts

    def __call__(
        self, rate: float, predictions: Predictions, labels: Labels, natoms: Tensor, counts: Tensor | None = None
    ) -> tuple[Tensor, Errors]:
        """Compute the loss, scalar, float64, differentiable, and its errors.

        rate: learning rate. natoms: (nframes,), int64. counts: of the whole batch if this is a part of it (`counts`).
        """
        part_counts = self.counts(labels, natoms)
        counts = part_counts if counts is None else counts
        loss = torch.zeros_like(part_counts[0])
        sums = torch.zeros_like(part_counts)
        for position, term in enumerate(TERMS):
            if term not in self.section.terms or not _has_labels(term, labels, self.section):
                continue
            error = self._error(term, predictions, labels, natoms)
            measured = self._measure(term, error)
            if term in _FRAME_TERMS and self._divides_once:
                measured = measured * _rows(natoms, term, labels, natoms).unsqueeze(1)
            mean = measured.sum(dtype=torch.float64) / (counts[position].clamp(min=1) * error.shape[1])
            loss = loss + self.prefactor(term, rate) * mean
            sums[position] = self._reported(error.detach()).sum(dtype=torch.float64)
        components = part_counts.new_tensor([self._component_count(term) for term in TERMS])
        return loss, Errors(loss.detach(), sums, part_counts * components, self.section)

    @property
    def _divides_once(self) -> bool:
        """Whether squares of energy and virial are divided by the number of atoms instead of by its square."""
        section = self.section
        return section.loss_func == "mse" and not section.use_huber and not section.intensive_ener_virial

    def _error(self, term: Term, predictions: Predictions, labels: Labels, natoms: Tensor) -> Tensor:
        """Compute the errors of frames or atoms that have the label, (n, components); energy and virial per atom."""
        if term == "e":
            error = ((_required(predictions.energy) - _required(labels.energy)) / natoms).unsqueeze(1)
        elif term == "v":
            error = (_required(predictions.virial) - _required(labels.virial)).flatten(1) / natoms.unsqueeze(1)
        elif term == "ae":
            error = (_required(predictions.atom_energy) - _required(labels.atom_energy)).unsqueeze(1)
        else:
            error = self._force_error(term, _required(predictions.force), labels)
        return _rows(error, term, labels, natoms)

    def _force_error(self, term: Term, force: Tensor, labels: Labels) -> Tensor:
        """Compute the errors of forces of all atoms, (natoms, components)."""
        label = _required(labels.force)
        error = force - label
        if self.section.relative_f is not None:
            error = error / (torch.linalg.vector_norm(label, dim=1, keepdim=True) + self.section.relative_f)
        if term == "f":
            return torch.linalg.vector_norm(error, dim=1, keepdim=True) if self.section.f_use_norm else error
        if labels.atom_pref is None:
            return error
        # the square or absolute value of the error is then weighted by atom_pref
        return error * labels.atom_pref.unsqueeze(1) ** (1.0 if self.section.loss_func == "mae" else 0.5)

    def _measure(self, term: Term, error: Tensor) -> Tensor:
        """Compute squares, absolute values or Huber terms of errors, for the loss."""
        if not self.section.use_huber:
            return self._reported(error)
        energy, force, virial = self.section.deltas
        delta = {"e": energy, "f": force, "v": virial, "ae": energy}[term]
        size = error.abs()
        return torch.where(size <= delta, 0.5 * error.square(), delta * (size - 0.5 * delta))

    def _reported(self, error: Tensor) -> Tensor:
        """Compute squares or absolute values of errors, for `Errors`."""
        return error.abs() if self.section.loss_func == "mae" else error.square()

    def _component_count(self, term: Term) -> int:
        """Return the number of components of a frame or an atom that are reported as separate errors."""
        return 1 if term == "f" and self.section.f_use_norm and self.section.loss_func == "mae" else _COMPONENTS[term]


def _has_labels(term: Term, labels: Labels, section: EnergyLossInput) -> bool:
    """Whether the batch has labels for a term."""
    if term == "pf":
        return labels.force is not None and (labels.atom_pref is not None or section.use_default_pf)
    return getattr(labels, _LABEL[term]) is not None


def _has_label(term: Term, labels: Labels) -> Tensor | None:
    """Return the frames that have the labels of a term, (nframes,) bool; None: all frames."""
    if term != "pf" or labels.atom_pref is None:
        return getattr(labels, f"has_{_LABEL[term]}")
    if labels.has_force is None or labels.has_atom_pref is None:
        return labels.has_atom_pref if labels.has_force is None else labels.has_force
    return labels.has_force & labels.has_atom_pref


def _rows(values: Tensor, term: Term, labels: Labels, natoms: Tensor) -> Tensor:
    """Select the rows of frames, or of atoms for atomic terms, that have the label."""
    has_label = _has_label(term, labels)
    if has_label is None:
        return values
    if term not in _FRAME_TERMS:
        has_label = has_label.repeat_interleave(natoms, output_size=len(values))
    return values[has_label]


def _required(value: Tensor | None) -> Tensor:
    """Return the value. Raises ValueError: None."""
    if value is None:
        raise ValueError("the loss has a term whose prediction or label is missing")
    return value
