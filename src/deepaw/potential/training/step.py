"""Energies, forces and virials of a batch, differentiable in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.forces import forces
from deepaw.potential.model import PotentialModel
from deepaw.potential.training.batch import Batch
from deepaw.spectral import ChebyshevBasis


@dataclass(frozen=True)
class Prediction:
    """energy: (nframes,), eV, float64. atom_energy: (natoms,), eV, float64. force: (natoms, 3), eV/A. virial:
    (nframes, 3, 3), eV, or None. Atoms in the batch's order."""

    energy: Tensor
    atom_energy: Tensor
    force: Tensor
    virial: Tensor | None


def predict(
    model: PotentialModel,
    batch: Batch,
    bases: Sequence[ChebyshevBasis],
    *,
    virial: bool = False,
    fparam: Tensor | None = None,
    aparam: Tensor | None = None,
) -> Prediction:
    """The spectral form of `deepaw.potential.exact`: embedding nets run on the nodes of a basis, not for every pair.

    bases: one for each part of the descriptor, as its geometry was made with. fparam, aparam: (natoms, ...) in the
    batch's order. What is returned has a graph where gradients are enabled.
    """
    training = torch.is_grad_enabled()
    with torch.enable_grad():
        moments = [part.moments.detach().requires_grad_() for part in batch.parts]
        coefficients = [part.coefficients(basis) for part, basis in zip(model.descriptor.parts, bases, strict=True)]
        beside = model.fitting.parameters_of(len(batch.atoms), fparam, aparam)
        split = [part.split(batch.counts) for part in moments]
        of_atoms = [None] * len(batch.counts) if beside is None else beside.split(batch.counts)
        energies = []
        for kind, count in enumerate(batch.counts):
            if count == 0:
                continue
            rows = [
                part.contract(values[kind], C[kind])
                for part, values, C in zip(model.descriptor.parts, split, coefficients, strict=True)
            ]
            D = rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)
            energies.append(model.with_bias(kind, model.fitting.of_type(kind, D, of_atoms[kind])))
        atom_energy = torch.cat(energies)
        gradients = torch.autograd.grad(atom_energy.sum(), moments, create_graph=training)
    if not training:
        atom_energy = atom_energy.detach()
    nframes = len(batch.natoms)
    energy = atom_energy.new_zeros(nframes).index_add(0, batch.frame, atom_energy)
    results = [
        forces(part, gradient, batch.frame if virial else None, nframes)
        for part, gradient in zip(batch.parts, gradients, strict=True)
    ]
    force, total_virial = results[0]
    for more, more_virial in results[1:]:
        force = force + more
        total_virial = None if total_virial is None or more_virial is None else total_virial + more_virial
    return Prediction(energy, atom_energy, force, total_virial)
