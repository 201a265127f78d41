"""Tensors of atoms and their derivatives by the equations: the reference for everything faster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepaw.potential.exact import EVALUATIONS, forces_of_pairs
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.environment import Environment, parts


@dataclass(frozen=True)
class TensorEvaluation:
    """What a model of tensors says of one frame, and derivatives of weighted sums of it; all float64.

    atom_tensor: (natoms, *shape), in the unit of the labels, 0 for atoms that have none.
    Of each sum w = sum_i <weights[n, i], T_i>, n from 0: force (nsums, natoms, 3), -dw/dr. virial (nsums, 3, 3), as of
    energies, -sum_ij dw/dr_ij (x) r_ij. atom_virial (nsums, natoms, 3, 3), each pair's part with the neighbour, or None
    where it was not asked for. nsums is 0 where no derivatives are.
    """

    atom_tensor: Tensor
    force: Tensor
    virial: Tensor
    atom_virial: Tensor | None


def evaluate_tensors_exactly(
    model: TensorModel,
    env: Environment,
    fparam: Tensor | None = None,
    aparam: Tensor | None = None,
    weights: Tensor | None = None,
) -> TensorEvaluation:
    """Networks run for every pair, derivatives by reverse differentiation.

    env: pairs within the model's cutoff. fparam: (natoms, numb_fparam), aparam: (natoms, numb_aparam).
    weights: (nsums, natoms, *shape) float64, the sums whose derivatives are wanted.
    """
    nsums = 0 if weights is None else len(weights)
    tensors = []
    gradient = torch.zeros(nsums, *env.vector.shape, dtype=torch.float64)
    for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), EVALUATIONS):
        rows = slice(part.first, part.last)
        vector = part.env.vector.detach().double().requires_grad_(nsums > 0)
        D, T = model.descriptor.with_vectors(model.visible(replace(part.env, vector=vector)))
        types, natoms = env.types[rows], part.last - part.first
        beside = (None if values is None else values[rows] for values in (fparam, aparam))
        found = model.selected_only(types, model.fitting(D[:natoms], T[:natoms], types, *beside))
        tensors.append(found.detach())
        for number in range(nsums if found.requires_grad else 0):
            assert weights is not None
            total = (weights[number, rows] * found).sum()
            (of_pairs,) = torch.autograd.grad(total, vector, retain_graph=number < nsums - 1, allow_unused=True)
            if of_pairs is not None:
                gradient[number, part.pairs] = of_pairs
    force, atom_virial = gradient.new_zeros(nsums, env.natoms, 3), gradient.new_zeros(nsums, env.natoms, 3, 3)
    for number, of_pairs in enumerate(gradient):
        force[number], atom_virial[number] = forces_of_pairs(env, of_pairs)
    return TensorEvaluation(torch.cat(tensors), force, atom_virial.sum(1), atom_virial)
