"""Correction of a readout's weights in closed form, for features that stay as they are.

For every element and degree a ridge regression of what the readout is off by on the features,

    sum_a w_a |x_a - x'_a - db - dW h_a|^2 + lambda sum_c s_c^2 |dW_c|^2        s_c: root mean square of feature c

x' is what the readout gives so far: its means where it was never trained, or what training has made of it. lambda comes
from cross-validation, in which structures are left out, and once more whole crystal types: a correction that helps only
within the types that are known is not made at the cost of others. The weights w_a = 1 / |error of a| from a few
repetitions approach the sum of absolute errors (iteratively reweighted least squares, as for the fitted atoms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.occupancies.readout import ElementRows, OccupancyReadout
from deepaw.density.occupancies.targets import Targets

Array = NDArray[np.float64]
Folds = NDArray[np.signedinteger]

RIDGES = tuple(float(value) for value in 10.0 ** np.arange(-7, 4, 0.5))
"""Values of lambda that are tried, relative to the sum of the weights; the largest leaves the readout as it is."""

CLOSE_TO_BEST = 0.05
"""The largest lambda is taken whose cross-validated errors are worse than the best by no more than this fraction."""

BIAS_PENALTY = 1e-3
"""Of a correction of the bias, relative to the mean of the features'."""

FOLDS = 5
FEWEST_KINDS = 3
"""Crystal types of an element for which types are left out as well: from one type nothing is learnt about another."""

REPETITIONS = 4
FLOOR = 0.1
"""Smallest error, as a fraction of the mean, that gets a larger weight."""


@dataclass(frozen=True)
class FitSample:
    """Features of a structure, for every degree (natoms, features, 2 l + 1), its targets, and its crystal type."""

    features: Sequence[Tensor]
    targets: Targets
    kind: str


@torch.no_grad()
def fit_readout(readout: OccupancyReadout, samples: Sequence[FitSample]) -> None:
    """Correct the weights and biases of a readout whose means are set; scales become 1. Float64 on the CPU."""
    for element in readout.elements:
        chosen = [sample for sample in samples if element.symbol in sample.targets]
        atoms = [len(sample.targets[element.symbol].atoms) for sample in chosen]
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(sample.kind for sample in chosen))}
        foldings = [np.repeat(np.arange(len(chosen)) % FOLDS, atoms)]
        if len(kinds) >= FEWEST_KINDS:
            foldings.append(np.repeat([kinds[sample.kind] % FOLDS for sample in chosen], atoms))
        parts = [
            (targets, [block[targets.atoms] for block in sample.features])
            for sample in chosen
            for targets in [sample.targets[element.symbol]]
        ]
        for total in range(len(element.rows)):
            features = _numpy([of_atoms[total] for _, of_atoms in parts])
            components = _numpy(
                [targets.blocks[total] - readout.components(element, of_atoms)[total] for targets, of_atoms in parts]
            )
            _correct(readout, element, total, _correction(features, components, foldings, with_bias=total == 0))


def _correct(readout: OccupancyReadout, element: ElementRows, total: int, correction: Array) -> None:
    """Add (features, rows), in degree 0 (features + 1, rows) with the bias last, to the weights of an element."""
    rows, weights, scales = element.rows[total], readout.weights[total], readout.scales[total]
    count = weights.shape[1]
    added = torch.from_numpy(correction[:count].T * sqrt(count)).to(weights)
    weights[rows] = weights[rows] * scales[rows, None] + added
    scales[rows] = 1
    if total == 0:
        readout.bias[rows] += torch.from_numpy(correction[count]).to(readout.bias)


def _correction(features: Array, components: Array, foldings: Sequence[Folds], with_bias: bool) -> Array:
    """(features, rows) of n atoms: features (n, F, m), components (n, rows, m), foldings: numbers of parts (n,)."""
    if with_bias:
        features = np.concatenate([features, np.ones_like(features[:, :1])], axis=1)
    penalty = (features**2).mean(axis=(0, 2)) + 1e-30
    if with_bias:
        penalty[-1] = BIAS_PENALTY * penalty[:-1].mean()
    importance = np.ones(len(features))
    ridge = _best_ridge(features, components, foldings, penalty)
    for _ in range(REPETITIONS):
        solution = _solve(*_normal(features, components, importance), penalty * ridge * importance.sum())
        error = _errors(features, components, solution)
        importance = 1 / np.maximum(error / max(error.mean(), 1e-30), FLOOR)
    return solution


def _best_ridge(features: Array, components: Array, foldings: Sequence[Folds], penalty: Array) -> float:
    """The lambda with the smallest product of the errors on parts left out of the foldings, or one close to it.

    The largest where there is one part.
    """
    scores, possible = np.zeros(len(RIDGES)), 0
    for folds in foldings:
        numbers = np.unique(folds)
        if len(numbers) < 2:
            continue
        parts = [(features[folds == number], components[folds == number]) for number in numbers]
        normals = [_normal(*part, np.ones(len(part[0]))) for part in parts]
        whole: list[Array] = [np.sum([of_part[k] for of_part in normals], axis=0) for k in range(2)]
        errors = np.zeros(len(RIDGES))
        for part, normal in zip(parts, normals, strict=True):
            left, right = whole[0] - normal[0], whole[1] - normal[1]
            count = len(features) - len(part[0])
            for number, ridge in enumerate(RIDGES):
                errors[number] += _errors(*part, _solve(left, right, penalty * ridge * count)).sum()
        scores += np.log(errors + 1e-30)
        possible += 1
    if not possible:
        return RIDGES[-1]
    return RIDGES[int(np.flatnonzero(scores <= scores.min() + possible * np.log1p(CLOSE_TO_BEST)).max())]


def _normal(features: Array, components: Array, importance: Array) -> tuple[Array, Array]:
    """Normal matrix (F, F) and right-hand sides (F, rows), means over the components of an atom."""
    weighted = (features * importance[:, None, None]).transpose(1, 0, 2).reshape(features.shape[1], -1)
    flat = features.transpose(1, 0, 2).reshape(features.shape[1], -1)
    right = components.transpose(1, 0, 2).reshape(components.shape[1], -1)
    normal: Array = weighted @ flat.T / features.shape[2]
    sides: Array = weighted @ right.T / features.shape[2]
    return normal, sides


def _solve(normal: Array, right: Array, penalty: Array) -> Array:
    floor = 1e-12 * np.trace(normal) / len(normal) + 1e-30
    return np.asarray(np.linalg.solve(normal + np.diag(penalty + floor), right), dtype=np.float64)


def _errors(features: Array, components: Array, solution: Array) -> Array:
    """Sum over rows of the norm of the error, (n,)."""
    difference = components - np.einsum("fk,nfm->nkm", solution, features)
    errors: Array = np.sqrt((difference**2).sum(axis=2)).sum(axis=1)
    return errors


def _numpy(parts: Sequence[Tensor]) -> Array:
    return torch.cat(list(parts)).detach().cpu().double().numpy()
