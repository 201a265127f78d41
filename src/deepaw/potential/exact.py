"""Energy, force and virial by the equations: the reference for everything faster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment, parts

EVALUATIONS = 20_000
"""Of embedding nets, that are worked on together; what networks leave behind for one of them is some 10 kB."""


@dataclass(frozen=True)
class Evaluation:
    """What a potential says of one frame; all float64.

    energy: (), eV. force: (natoms, 3), eV/A. virial: (3, 3), eV, -sum_ij dE/dr_ij (x) r_ij (first index that of the
    derivative). atom_energy: (natoms,). atom_virial: (natoms, 3, 3), each pair's part with the neighbour, as in
    DeePMD-kit; None where it was not asked for.
    """

    energy: Tensor
    force: Tensor
    virial: Tensor
    atom_energy: Tensor
    atom_virial: Tensor | None


def evaluate_exactly(
    model: PotentialModel, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None
) -> Evaluation:
    """Networks run for every pair, derivatives by reverse differentiation.

    env: pairs within the model's cutoff. fparam: (natoms, numb_fparam), aparam: (natoms, numb_aparam).
    """
    energies, gradient = [], torch.zeros_like(env.vector, dtype=torch.float64)
    for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), EVALUATIONS):
        rows = slice(part.first, part.last)
        vector = part.env.vector.detach().double().requires_grad_()
        near = replace(part.env, vector=vector)
        descriptors = model.descriptors(near)[: part.last - part.first]
        beside = (None if values is None else values[rows] for values in (fparam, aparam))
        energy = model.with_bias(env.types[rows], model.fitting(descriptors, env.types[rows], *beside))
        energy = model.interpolated(near, energy)
        energies.append(energy.detach())
        if not energy.requires_grad:  # these atoms see no others
            continue
        (of_pairs,) = torch.autograd.grad(energy.sum(), vector, allow_unused=True)
        if of_pairs is not None:
            gradient[part.pairs] = of_pairs
    atom_energy = torch.cat(energies)
    force, atom_virial = forces_of_pairs(env, gradient)
    return Evaluation(atom_energy.sum(), force, atom_virial.sum(0), atom_energy, atom_virial)


def forces_of_pairs(env: Environment, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Forces (natoms, 3) and virials of atoms (natoms, 3, 3) from the derivative in every pair's vector (npairs, 3)."""
    force = gradient.new_zeros(env.natoms, 3)
    force = force.index_add(0, env.centre, gradient).index_add(0, env.neighbour, -gradient)
    of_pairs = -gradient.unsqueeze(2) * env.vector.detach().double().unsqueeze(1)
    return force, gradient.new_zeros(env.natoms, 3, 3).index_add(0, env.neighbour, of_pairs)


def describe_exactly(model: AtomicModel, env: Environment) -> Tensor:
    """Descriptors (natoms, width), float64, without a graph; env as for `evaluate_exactly`."""
    rows = torch.empty(env.natoms, model.descriptor.width, dtype=torch.float64)
    with torch.no_grad():
        for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), EVALUATIONS):
            rows[part.first : part.last] = model.descriptors(part.env)[: part.last - part.first]
    return rows
