"""Weights of a readout in closed form, for features that stay as they are.

For every element and degree a ridge regression of components on features,

    sum_a w_a |x_a - b - W h_a|^2 + lambda sum_c s_c^2 |W_c|^2        s_c: root mean square of feature c

with lambda by cross-validation over structures, and weights w_a = 1 / |error of a| from a few repetitions,
which approach the sum of absolute errors (iteratively reweighted least squares, as for the fitted atoms).
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

RIDGES = tuple(float(value) for value in 10.0 ** np.arange(-7, 2.5, 0.5))
"""Values of lambda that are tried, relative to the sum of the weights."""

FOLDS = 5
REPETITIONS = 4
FLOOR = 0.1
"""Smallest error, as a fraction of the mean, that gets a larger weight."""


@dataclass(frozen=True)
class FitSample:
    """Features of a structure, for every degree (natoms, features, 2 l + 1), and its targets."""

    features: Sequence[Tensor]
    targets: Targets


def fit_readout(readout: OccupancyReadout, samples: Sequence[FitSample]) -> None:
    """Set the weights and biases of a readout whose means are set; scales become 1. Float64 on the CPU."""
    for element in readout.elements:
        chosen = [sample for sample in samples if element.symbol in sample.targets]
        folds = np.concatenate(
            [np.full(len(sample.targets[element.symbol].atoms), number % FOLDS) for number, sample in enumerate(chosen)]
        )
        for total in range(len(element.rows)):
            _fit_degree(readout, element, total, chosen, folds)


def _fit_degree(
    readout: OccupancyReadout, element: ElementRows, total: int, samples: Sequence[FitSample], folds: Array
) -> None:
    rows, parts = element.rows[total], [(sample.features, sample.targets[element.symbol]) for sample in samples]
    features = _numpy([features[total][targets.atoms] for features, targets in parts])
    components = _numpy([targets.blocks[total] for _, targets in parts])
    if total == 0:
        components = components - readout.mean[rows, None].double().numpy()
        features = np.concatenate([features, np.ones_like(features[:, :1])], axis=1)  # the bias
    weights = _weights(features, components, folds, with_bias=total == 0)
    count = readout.weights[total].shape[1]
    readout.scales[total].data[rows] = 1
    readout.weights[total].data[rows] = torch.from_numpy(weights[:count].T * sqrt(count)).to(readout.mean)
    if total == 0:
        readout.bias.data[rows] = torch.from_numpy(weights[count]).to(readout.mean)


def _weights(features: Array, components: Array, folds: Array, with_bias: bool) -> Array:
    """(features, rows) of n atoms: features (n, F, m), components (n, rows, m), folds (n,)."""
    penalty = (features**2).mean(axis=(0, 2)) + 1e-30
    if with_bias:
        penalty[-1] = 0
    importance = np.ones(len(features))
    ridge = _best_ridge(features, components, folds, penalty)
    for _ in range(REPETITIONS):
        solution = _solve(*_normal(features, components, importance), penalty * ridge * importance.sum())
        error = _errors(features, components, solution)
        importance = 1 / np.maximum(error / max(error.mean(), 1e-30), FLOOR)
    return solution


def _best_ridge(features: Array, components: Array, folds: Array, penalty: Array) -> float:
    """The lambda with the smallest error on parts of the data that were left out; the largest where there is one."""
    numbers = np.unique(folds)
    if len(numbers) < 2:
        return RIDGES[-1]
    parts = [(features[folds == number], components[folds == number]) for number in numbers]
    normals = [_normal(*part, np.ones(len(part[0]))) for part in parts]
    whole: list[Array] = [np.sum([of_part[k] for of_part in normals], axis=0) for k in range(2)]
    errors = np.zeros(len(RIDGES))
    for part, normal in zip(parts, normals, strict=True):
        left, right = whole[0] - normal[0], whole[1] - normal[1]
        count = len(features) - len(part[0])
        for number, ridge in enumerate(RIDGES):
            errors[number] += _errors(*part, _solve(left, right, penalty * ridge * count)).sum()
    return RIDGES[int(errors.argmin())]


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
