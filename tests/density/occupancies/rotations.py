"""Rotations of real harmonics in both conventions, by their values at some directions."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from deepaw.density.occupancies.channels import Channels
from deepaw.equivariant import spherical_harmonics


def random_rotation(seed: int) -> np.ndarray:
    return Rotation.random(random_state=seed).as_matrix()


def harmonics_matrix(degree: int, rotation: np.ndarray, z_polar: bool) -> np.ndarray:
    """M with Y(rotation v) = M Y(v)."""
    vectors = np.random.default_rng(1).normal(size=(50, 3))
    values = [_harmonics(degree, places, z_polar) for places in (vectors, vectors @ rotation.T)]
    return np.linalg.lstsq(values[0], values[1], rcond=None)[0].T


def projectors_matrix(channels: Channels, rotation: np.ndarray) -> np.ndarray:
    """The same of all projectors of an element: block diagonal."""
    matrix = np.zeros((channels.size, channels.size))
    for part, degree in zip(channels.slices(), channels.degrees, strict=True):
        matrix[part, part] = harmonics_matrix(degree, rotation, z_polar=True)
    return matrix


def _harmonics(degree: int, vectors: np.ndarray, z_polar: bool) -> np.ndarray:
    """(n, 2 l + 1); with z polar written out from e3nn's by the meaning of l = 1, which is y, z, x."""
    places = torch.from_numpy(np.ascontiguousarray(vectors[:, [1, 2, 0]] if z_polar else vectors))
    return spherical_harmonics(degree, places)[:, degree**2 :].numpy()
