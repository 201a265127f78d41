"""What training of a potential minimises: the section `loss`, and the loss itself.

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
"""Energy, force, virial, energies of atoms, forces weighted by atom; the order of errors."""

_OF_FRAMES = ("e", "v")
_COMPONENTS: dict[Term, int] = {"e": 1, "f": 3, "v": 9, "ae": 1, "pf": 3}
_LABEL: dict[Term, str] = {"e": "energy", "f": "force", "v": "virial", "ae": "atom_energy", "pf": "force"}


class EnergyLossInput(Section):
    """Prefactors run from `start_*` to `limit_*` with the learning rate; a term whose two are 0 is left out.

    With the default settings, N atoms in a frame, and means over the frames, or atoms and components, of a batch:
    pref_e <dE^2 / N> + pref_f <dF^2> + pref_v <dV^2 / N> + pref_ae <dE_i^2> + pref_pf <p_i dF^2>.
    """

    type: Literal["ener"] = "ener"
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
    def _is_one_or_three(cls, delta: Any) -> Any:
        numbers = delta if isinstance(delta, list | tuple) and len(delta) == 3 else [delta]
        if not all(type(number) in (int, float) and number > 0 for number in numbers):
            raise ValueError(f"{json.dumps(delta)} should be a number greater than 0, or a list of three")
        return delta

    @model_validator(mode="after")
    def _fits_together(self) -> EnergyLossInput:
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
        """Those with a prefactor that is not 0 all along."""
        return tuple(t for t in TERMS if getattr(self, f"start_pref_{t}") or getattr(self, f"limit_pref_{t}"))

    def named(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """`rmse`, the square root of the loss, and `rmse_e`, `rmse_f`, ... (`mae_e`, ...) of the terms, from means in
        the order of TERMS: eV an atom, eV/A, eV an atom, eV, eV/A."""
        mae = self.loss_func == "mae"
        named = dict(zip(TERMS, (means if mae else means.sqrt()).tolist(), strict=True))
        shown = {f"{'mae' if mae else 'rmse'}_{term}": named[term] for term in self.terms}
        return {"rmse": float(loss.sqrt())} | shown


class EnergyLoss:
    """The loss of a batch of frames, which may have different numbers of atoms.

    pref(term) = limit + (start - limit) * rate / start_lr; each term is its prefactor times a mean over the labels that
    the batch has: over frames for energy and virial, over all atoms of all frames for what atoms have, so that a frame
    counts there by its number of atoms. A term without any label is 0.

    Args:
        section: the prefactors and so on.
        start_lr: the learning rate that the prefactors start at.
    """

    terms = len(TERMS)
    """How many sums its errors have."""

    def __init__(self, section: EnergyLossInput, start_lr: float) -> None:
        self.section = self.shown = section
        self.needs_virial = "v" in section.terms
        self._start_lr = start_lr

    def prefactor(self, term: Term, rate: float) -> float:
        """At this learning rate."""
        start, limit = getattr(self.section, f"start_pref_{term}"), getattr(self.section, f"limit_pref_{term}")
        return limit + (start - limit) * rate / self._start_lr

    def counts(self, labels: Labels, natoms: Tensor) -> Tensor:
        """Frames, or atoms, that have the labels of each of TERMS, (5,), float64.

        Where processes work on parts of a batch, the sum of their counts goes into each of their calls; then the sum
        of their losses is the loss of the batch. natoms: (nframes,), int64.
        """
        counts = torch.zeros(len(TERMS), dtype=torch.float64, device=natoms.device)
        for position, term in enumerate(TERMS):
            if _has(term, labels, self.section):
                each = torch.ones_like(natoms) if term in _OF_FRAMES else natoms
                given = _given(term, labels)
                counts[position] = (each if given is None else each * given).sum()
        return counts

    def __call__(
        self, rate: float, predictions: Predictions, labels: Labels, natoms: Tensor, counts: Tensor | None = None
    ) -> tuple[Tensor, Errors]:
        """The loss, scalar, float64, differentiable, and the errors it is made of.

        rate: the learning rate. natoms: (nframes,), int64, of each frame. counts: of the whole batch, where this is a
        part of it; see `counts`.
        """
        own = self.counts(labels, natoms)
        counts = own if counts is None else counts
        loss = torch.zeros_like(own[0])
        sums = torch.zeros_like(own)
        for position, term in enumerate(TERMS):
            if term not in self.section.terms or not _has(term, labels, self.section):
                continue
            error = self._error(term, predictions, labels, natoms)
            measured = self._measure(term, error)
            if term in _OF_FRAMES and self._divides_once:
                measured = measured * _rows(natoms, term, labels, natoms).unsqueeze(1)
            mean = measured.sum(dtype=torch.float64) / (counts[position].clamp(min=1) * error.shape[1])
            loss = loss + self.prefactor(term, rate) * mean
            sums[position] = self._shown(error.detach()).sum(dtype=torch.float64)
        components = own.new_tensor([self._components(term) for term in TERMS])
        return loss, Errors(loss.detach(), sums, own * components, self.section)

    @property
    def _divides_once(self) -> bool:
        """Whether squares of energy and virial are divided by the number of atoms instead of by its square."""
        section = self.section
        return section.loss_func == "mse" and not section.use_huber and not section.intensive_ener_virial

    def _error(self, term: Term, predictions: Predictions, labels: Labels, natoms: Tensor) -> Tensor:
        """Of frames or atoms that have the label, (n, components); energy and virial per atom."""
        if term == "e":
            error = ((_of(predictions.energy) - _of(labels.energy)) / natoms).unsqueeze(1)
        elif term == "v":
            error = (_of(predictions.virial) - _of(labels.virial)).flatten(1) / natoms.unsqueeze(1)
        elif term == "ae":
            error = (_of(predictions.atom_energy) - _of(labels.atom_energy)).unsqueeze(1)
        else:
            error = self._force_error(term, _of(predictions.force), labels)
        return _rows(error, term, labels, natoms)

    def _force_error(self, term: Term, force: Tensor, labels: Labels) -> Tensor:
        label = _of(labels.force)
        error = force - label
        if self.section.relative_f is not None:
            error = error / (torch.linalg.vector_norm(label, dim=1, keepdim=True) + self.section.relative_f)
        if term == "f":
            return torch.linalg.vector_norm(error, dim=1, keepdim=True) if self.section.f_use_norm else error
        if labels.atom_pref is None:
            return error
        # so that its square, or its absolute value, is weighted by atom_pref
        return error * labels.atom_pref.unsqueeze(1) ** (1.0 if self.section.loss_func == "mae" else 0.5)

    def _measure(self, term: Term, error: Tensor) -> Tensor:
        if not self.section.use_huber:
            return self._shown(error)
        energy, force, virial = self.section.deltas
        delta = {"e": energy, "f": force, "v": virial, "ae": energy}[term]
        size = error.abs()
        return torch.where(size <= delta, 0.5 * error.square(), delta * (size - 0.5 * delta))

    def _shown(self, error: Tensor) -> Tensor:
        return error.abs() if self.section.loss_func == "mae" else error.square()

    def _components(self, term: Term) -> int:
        """How many errors of a frame or an atom are shown as separate ones."""
        return 1 if term == "f" and self.section.f_use_norm and self.section.loss_func == "mae" else _COMPONENTS[term]


def _has(term: Term, labels: Labels, section: EnergyLossInput) -> bool:
    if term == "pf":
        return labels.force is not None and (labels.atom_pref is not None or section.use_default_pf)
    return getattr(labels, _LABEL[term]) is not None


def _given(term: Term, labels: Labels) -> Tensor | None:
    """(nframes,) bool, which frames have what the term needs; None: all of them."""
    if term != "pf" or labels.atom_pref is None:
        return getattr(labels, f"{_LABEL[term]}_given")
    if labels.force_given is None or labels.atom_pref_given is None:
        return labels.atom_pref_given if labels.force_given is None else labels.force_given
    return labels.force_given & labels.atom_pref_given


def _rows(values: Tensor, term: Term, labels: Labels, natoms: Tensor) -> Tensor:
    """Those of `values`, one row for each frame or, of terms of atoms, for each atom, that have the label."""
    given = _given(term, labels)
    if given is None:
        return values
    if term not in _OF_FRAMES:
        given = given.repeat_interleave(natoms, output_size=len(values))
    return values[given]


def _of(value: Tensor | None) -> Tensor:
    if value is None:
        raise ValueError("the loss has a term whose prediction or label is missing")
    return value
