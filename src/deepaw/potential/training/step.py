"""Energies, forces and virials of a batch, differentiable with respect to the weights."""

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
from deepaw.potential.training.passes import PassesCache, has_written_passes
from deepaw.potential.training.shares import run_pieces, run_shares, share_ranges, split_ranges


@dataclass(frozen=True)
class Prediction:
    """Predictions for a batch; atoms are in the order of the batch.

    energy: (nframes,), eV, float64. atom_energy: (natoms,), eV, float64. force: (natoms, 3), eV/A. virial:
    (nframes, 3, 3), eV, or None.
    """

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
    cache: PassesCache | None = None,
) -> Prediction:
    """Compute the predictions for a batch; `deepaw.potential.exact` is the reference for one frame.

    kernels: one for each part of the descriptor. fparam, aparam: (natoms, ...) in the order of the batch. compute:
    dtype of the products of fitting nets (`network.products`). cache: passes of this model, if it has any
    (`has_written_passes`). The results are differentiable if gradients are enabled.
    """
    parameters = model.fitting.normalised_parameters(len(batch.atoms), fparam, aparam)
    factor = model.type_mask[batch.types]
    if batch.mixture is not None:
        factor = factor * (1 - batch.mixture.weight)
    if cache is not None or has_written_passes(model, kernels):
        passes = (cache or PassesCache(model, kernels)).get(batch, compute)
        outputs, force, virials = passes.run(batch, factor, parameters, virial)
        if any(energy is not None for energy in model.fitting.config.atom_ener):
            by_type = [None] * len(batch.counts) if parameters is None else parameters.split(batch.counts)
            isolated = [model.fitting.isolated_atom_energy(kind, rows) for kind, rows in enumerate(by_type)]
            outputs = torch.cat([a - b for a, b in zip(outputs.split(batch.counts), isolated, strict=True)])
        atom_energy = model.atomic_energies(batch.types, outputs)
    else:
        ranges = share_ranges(len(batch.atoms), batch.atoms.device)
        work = partial(_predict_share, model, batch, kernels, virial, factor, parameters, compute)
        limits = [kernel.max_atoms for kernel in kernels if kernel.max_atoms is not None]
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        if limits:
            atom_energy, force, virials = run_pieces(work, split_ranges(ranges, min(limits)), weights)
        elif len(ranges) == 1:
            atom_energy, force, virials = work(*ranges[0], torch.is_grad_enabled())
        else:
            atom_energy, force, virials = run_shares(work, ranges, weights)
    if batch.mixture is not None:
        atom_energy, force, virials = _mix(model, batch, batch.mixture, atom_energy, force, virials)
    energy = atom_energy.new_zeros(len(batch.natoms)).index_add(0, batch.frame, atom_energy)
    return Prediction(energy, atom_energy, force, virials if virial else None)


def _mix(
    model: PotentialModel, batch: Batch, mixture: Mixture, energy: Tensor, force: Tensor, virials: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Add the contribution of a table of pair energies to energies, forces and virials of the nets."""
    shift = model.table_shift(batch.types)
    grad_pairs = mixture.gradient(energy, shift)
    table_virials = mixture.virials(grad_pairs, batch.frame[mixture.centre], len(batch.natoms))
    return (
        mixture.energies(energy, shift),
        force + mixture.forces(grad_pairs).to(force),
        virials + table_virials.to(virials),
    )


def _predict_share(
    model: PotentialModel,
    batch: Batch,
    kernels: Sequence[TrainingKernel[Any]],
    virial: bool,
    factor: Tensor,
    parameters: Tensor | None,
    compute: torch.dtype | None,
    first: int,
    last: int,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute energies of atoms first ... last - 1, and their contributions to the forces of all atoms and to virials.

    training: whether the results have an autograd graph.
    """
    counts, start = [], 0
    for count in batch.counts:
        counts.append(max(0, min(last, start + count) - max(first, start)))
        start += count
    is_whole = last - first == len(batch.atoms)
    tables = [table if is_whole else table.share(first, last) for table in batch.tables]
    parts = model.descriptor.parts
    geometries = [kernel.prepare(part, table) for kernel, part, table in zip(kernels, parts, tables, strict=True)]
    with torch.enable_grad():
        variables = [geometry.variables.detach().requires_grad_() for geometry in geometries]
        rows = [
            kernel.rows(part, geometry, values, counts)
            for part, kernel, geometry, values in zip(parts, kernels, geometries, variables, strict=True)
        ]
        by_type = [None] * len(counts) if parameters is None else parameters[first:last].split(counts)
        energies, columns, cotangents, start = [], [], [], first
        for kind, count in enumerate(counts):
            if count == 0:
                continue
            D = rows[0][kind] if len(rows) == 1 else torch.cat([part[kind] for part in rows], dim=1)
            weight = factor[start : start + count]
            energy, gradient = model.fitting.energy_and_gradient(kind, D, by_type[kind], weight, compute)
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
