"""Exact evaluation of energy, force and virial: the reference implementation for the fast engines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment, parts

MAX_EVALUATIONS = 20_000
"""Embedding-net evaluations per part of a frame; the autograd graph takes some 10 kB for each."""


@dataclass(frozen=True)
class Evaluation:
    """Prediction of a potential for one frame; all float64.

    energy: (), eV.
    force: (natoms, 3), eV/A.
    virial: (3, 3), eV, -sum_ij dE/dr_ij (x) r_ij (the first index is that of the derivative).
    atom_energy: (natoms,), eV.
    atom_virial: (natoms, 3, 3), eV, each pair's contribution assigned to the neighbour, as in DeePMD-kit; None unless
    requested.
    """

    energy: Tensor
    force: Tensor
    virial: Tensor
    atom_energy: Tensor
    atom_virial: Tensor | None


def evaluate_exactly(
    model: PotentialModel, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None
) -> Evaluation:
    """Evaluate a potential with every network run for every pair and derivatives by autograd.

    env: pairs within the model's cutoff.
    fparam: (natoms, numb_fparam). aparam: (natoms, numb_aparam).
    """
    energies, grad_vector = [], torch.zeros_like(env.vector, dtype=torch.float64)
    for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), MAX_EVALUATIONS):
        rows = slice(part.first, part.last)
        vector = part.env.vector.detach().double().requires_grad_()
        part_env = replace(part.env, vector=vector)
        descriptors = model.descriptors(part_env)[: part.last - part.first]
        parameters = (None if values is None else values[rows] for values in (fparam, aparam))
        energy = model.with_bias(env.types[rows], model.fitting(descriptors, env.types[rows], *parameters))
        energy = model.blend_with_table(part_env, energy)
        energies.append(energy.detach())
        if not energy.requires_grad:  # these atoms have no neighbours
            continue
        (grad_part,) = torch.autograd.grad(energy.sum(), vector, allow_unused=True)
        if grad_part is not None:
            grad_vector[part.pairs] = grad_part
    atom_energy = torch.cat(energies)
    force, atom_virial = forces_from_pairs(env, grad_vector)
    return Evaluation(atom_energy.sum(), force, atom_virial.sum(0), atom_energy, atom_virial)


def forces_from_pairs(env: Environment, grad_vector: Tensor) -> tuple[Tensor, Tensor]:
    """Return forces (natoms, 3), eV/A, and atomic virials (natoms, 3, 3), eV, from dE/dr_ij of every pair.

    grad_vector: dE/dr_ij, (npairs, 3), eV/A.
    """
    force = grad_vector.new_zeros(env.natoms, 3)
    force = force.index_add(0, env.centre, grad_vector).index_add(0, env.neighbour, -grad_vector)
    pair_virial = -grad_vector.unsqueeze(2) * env.vector.detach().double().unsqueeze(1)
    return force, grad_vector.new_zeros(env.natoms, 3, 3).index_add(0, env.neighbour, pair_virial)


def describe_exactly(model: AtomicModel, env: Environment) -> Tensor:
    """Return descriptors (natoms, width), float64, without an autograd graph; env as for `evaluate_exactly`."""
    descriptors = torch.empty(env.natoms, model.descriptor.width, dtype=torch.float64)
    with torch.no_grad():
        for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), MAX_EVALUATIONS):
            descriptors[part.first : part.last] = model.descriptors(part.env)[: part.last - part.first]
    return descriptors
