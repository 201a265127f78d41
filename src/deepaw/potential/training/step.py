"""Energies, forces and virials of a batch, differentiable in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.pairs.forces import forces
from deepaw.potential.shortrange.mixture import Mixture
from deepaw.potential.training.batch import Batch
from deepaw.potential.training.passes import KeptPasses, can_pass
from deepaw.potential.training.shares import in_pieces, in_shares, pieces_of, ranges_of


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
    kernels: Sequence[TrainingKernel[Any]],
    *,
    virial: bool = False,
    fparam: Tensor | None = None,
    aparam: Tensor | None = None,
    compute: torch.dtype | None = None,
    kept: KeptPasses | None = None,
) -> Prediction:
    """What `deepaw.potential.exact` says of one frame, from what was prepared of positions.

    kernels: one for each part of the descriptor. fparam, aparam: (natoms, ...) in the
    batch's order. compute: of the products of fitting nets (`network.products`). kept: passes of this model, if it
    `can_pass`. What is returned has a graph where gradients are enabled.
    """
    beside = model.fitting.normalised_parameters(len(batch.atoms), fparam, aparam)
    factor = model.type_mask[batch.types]
    if batch.mixture is not None:
        factor = factor * (1 - batch.mixture.weight)
    if kept is not None or can_pass(model, kernels):
        passes = (kept or KeptPasses(model, kernels)).of(batch, compute)
        found, force, virials = passes.run(batch, factor, beside, virial)
        if any(energy is not None for energy in model.fitting.config.atom_ener):
            of_atoms = [None] * len(batch.counts) if beside is None else beside.split(batch.counts)
            alone = [model.fitting.isolated_atom_energy(kind, parameters) for kind, parameters in enumerate(of_atoms)]
            found = torch.cat([of_type - own for of_type, own in zip(found.split(batch.counts), alone, strict=True)])
        atom_energy = model.atomic_energies(batch.types, found)
    else:
        ranges = ranges_of(len(batch.atoms), batch.atoms.device)
        work = partial(_share, model, batch, kernels, virial, factor, beside, compute)
        limits = [kernel.together for kernel in kernels if kernel.together is not None]
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        if limits:
            atom_energy, force, virials = in_pieces(work, pieces_of(ranges, min(limits)), weights)
        elif len(ranges) == 1:
            atom_energy, force, virials = work(*ranges[0], torch.is_grad_enabled())
        else:
            atom_energy, force, virials = in_shares(work, ranges, weights)
    if batch.mixture is not None:
        atom_energy, force, virials = _mixed(model, batch, batch.mixture, atom_energy, force, virials)
    energy = atom_energy.new_zeros(len(batch.natoms)).index_add(0, batch.frame, atom_energy)
    return Prediction(energy, atom_energy, force, virials if virial else None)


def _mixed(
    model: PotentialModel, batch: Batch, mixture: Mixture, energy: Tensor, force: Tensor, virials: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """With what a table of pair energies adds to energies, and to what remains of the forces and virials of these."""
    shift = model.table_shift(batch.types)
    gradient = mixture.gradient(energy, shift)
    more = mixture.virials(gradient, batch.frame[mixture.centre], len(batch.natoms))
    return mixture.energies(energy, shift), force + mixture.forces(gradient).to(force), virials + more.to(virials)


def _share(
    model: PotentialModel,
    batch: Batch,
    kernels: Sequence[TrainingKernel[Any]],
    virial: bool,
    factor: Tensor,
    beside: Tensor | None,
    compute: torch.dtype | None,
    first: int,
    last: int,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Energies of atoms first ... last - 1, and what these energies add to the forces of all atoms and to virials."""
    counts, start = [], 0
    for count in batch.counts:
        counts.append(max(0, min(last, start + count) - max(first, start)))
        start += count
    whole = last - first == len(batch.atoms)
    tables = [table if whole else table.share(first, last) for table in batch.tables]
    parts = model.descriptor.parts
    geometries = [kernel.prepare(part, table) for kernel, part, table in zip(kernels, parts, tables, strict=True)]
    with torch.enable_grad():
        variables = [geometry.variables.detach().requires_grad_() for geometry in geometries]
        rows = [
            kernel.rows(part, geometry, values, counts)
            for part, kernel, geometry, values in zip(parts, kernels, geometries, variables, strict=True)
        ]
        of_atoms = [None] * len(counts) if beside is None else beside[first:last].split(counts)
        energies, columns, cotangents, start = [], [], [], first
        for kind, count in enumerate(counts):
            if count == 0:
                continue
            D = rows[0][kind] if len(rows) == 1 else torch.cat([part[kind] for part in rows], dim=1)
            matters = factor[start : start + count]
            energy, gradient = model.fitting.energy_and_gradient(kind, D, of_atoms[kind], matters, compute)
            energies.append(model.atomic_energies(kind, energy))
            columns.append(D)
            cotangents.append(gradient)
            start += count
        atom_energy = torch.cat(energies)
        gradients = torch.autograd.grad(
            columns, variables, cotangents, create_graph=training, allow_unused=True, materialize_grads=True
        )
        frame = batch.frame[first:last] if virial else None
        per_part = [
            forces(table, kernel.grad_vector(geometry, gradient), len(batch.atoms), frame, len(batch.natoms))
            for table, kernel, geometry, gradient in zip(tables, kernels, geometries, gradients, strict=True)
        ]
        force, virials = (sum(values[1:], values[0]) for values in zip(*per_part, strict=True))
    if not training:
        return atom_energy.detach(), force.detach(), virials.detach()
    return atom_energy, force, virials
