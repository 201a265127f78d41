"""Energy, force and virial by the equations: the reference for everything faster."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.model import PotentialModel
from deepaw.potential.neighbours.environment import Environment


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
    vector = env.vector.detach().double().requires_grad_()
    leaf = Environment(env.types, env.centre, env.neighbour, vector)
    atom_energy = model(leaf, fparam, aparam)
    (gradient,) = torch.autograd.grad(atom_energy.sum(), vector, allow_unused=True)
    gradient = torch.zeros_like(vector) if gradient is None else gradient
    force = gradient.new_zeros(env.natoms, 3)
    force = force.index_add(0, env.centre, gradient).index_add(0, env.neighbour, -gradient)
    of_pairs = -gradient.unsqueeze(2) * vector.detach().unsqueeze(1)
    atom_virial = gradient.new_zeros(env.natoms, 3, 3).index_add(0, env.neighbour, of_pairs)
    return Evaluation(atom_energy.detach().sum(), force, atom_virial.sum(0), atom_energy.detach(), atom_virial)
