"""Exact evaluation of atomic tensors and their derivatives: the reference implementation for the fast engines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepaw.potential.exact import MAX_EVALUATIONS, forces_from_pairs
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.environment import Environment, parts


@dataclass(frozen=True)
class TensorEvaluation:
    """Prediction of a tensor model for one frame, and derivatives of weighted sums of it; all float64.

    atom_tensor: T_i, (natoms, *shape), in the unit of the labels, 0 for atoms that have none.

    Derivatives of the sums w_n = sum_i <weights[n, i], T_i>; nsums is 0 where none are requested:
    force: -dw/dr, (nsums, natoms, 3).
    virial: -sum_ij dw/dr_ij (x) r_ij, (nsums, 3, 3), with the convention of energies.
    atom_virial: (nsums, natoms, 3, 3), each pair's contribution assigned to the neighbour; None unless requested.
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
    """Evaluate a tensor model with every network run for every pair and derivatives by autograd.

    env: pairs within the model's cutoff.
    fparam: (natoms, numb_fparam). aparam: (natoms, numb_aparam).
    weights: (nsums, natoms, *shape) float64, weights of the sums to differentiate.
    """
    nsums = 0 if weights is None else len(weights)
    atom_tensors = []
    grad_vector = torch.zeros(nsums, *env.vector.shape, dtype=torch.float64)
    for part in parts(env, len(model.type_map), model.descriptor.evaluations(env), MAX_EVALUATIONS):
        rows = slice(part.first, part.last)
        vector = part.env.vector.detach().double().requires_grad_(nsums > 0)
        D, T = model.descriptor.with_vectors(model.visible(replace(part.env, vector=vector)))
        types, natoms = env.types[rows], part.last - part.first
        parameters = (None if values is None else values[rows] for values in (fparam, aparam))
        tensors = model.mask_unselected(types, model.fitting(D[:natoms], T[:natoms], types, *parameters))
        atom_tensors.append(tensors.detach())
        for n in range(nsums if tensors.requires_grad else 0):
            assert weights is not None
            weighted_sum = (weights[n, rows] * tensors).sum()
            (grad_part,) = torch.autograd.grad(weighted_sum, vector, retain_graph=n < nsums - 1, allow_unused=True)
            if grad_part is not None:
                grad_vector[n, part.pairs] = grad_part
    force, atom_virial = grad_vector.new_zeros(nsums, env.natoms, 3), grad_vector.new_zeros(nsums, env.natoms, 3, 3)
    for n, grad_sum in enumerate(grad_vector):
        force[n], atom_virial[n] = forces_from_pairs(env, grad_sum)
    return TensorEvaluation(torch.cat(atom_tensors), force, atom_virial.sum(1), atom_virial)
