"""Matrices and their components: exact both ways, and each rotates as it should."""

import numpy as np
import pytest

from deepaw.density.occupancies.channels import Channels, channels_of_text
from deepaw.density.occupancies.coupling import coupling_of, gaunt_factor, to_z_polar
from density.occupancies.rotations import harmonics_matrix, projectors_matrix, random_rotation

CHANNELS = [channels_of_text("X", text) for text in ("s s p", "s p s p d", "s s p p d d", "s s p p d d f")]


def random_matrix(channels: Channels, seed: int = 0) -> np.ndarray:
    """Symmetric, of natural parity."""
    matrix = np.random.default_rng(seed).normal(size=(channels.size, channels.size))
    coupling = coupling_of(channels.degrees)
    return coupling.uncouple(coupling.couple(matrix + matrix.T))


@pytest.mark.parametrize("channels", CHANNELS, ids=lambda channels: channels.name)
def test_there_and_back_is_exact(channels: Channels) -> None:
    coupling = coupling_of(channels.degrees)
    assert coupling.size == channels.count
    components = np.random.default_rng(1).normal(size=(3, coupling.size))
    matrices = coupling.uncouple(components)
    assert np.allclose(matrices, matrices.transpose(0, 2, 1), atol=1e-14)
    assert np.allclose(coupling.couple(matrices), components, atol=1e-13)
    blocks = coupling.split(components)
    assert [block.shape[1:] for block in blocks] == [(n, 2 * total + 1) for total, n in enumerate(coupling.counts)]
    assert np.array_equal(coupling.join(blocks), components)
    norms = np.concatenate([(block**2).sum(axis=2) for block in blocks], axis=1)
    assert np.allclose(norms @ coupling.multiplicity, (matrices**2).sum(axis=(1, 2)))


def test_missing_degrees_are_zero() -> None:
    coupling = coupling_of((0, 1, 2))
    components = np.random.default_rng(1).normal(size=(2, coupling.size))
    cut = coupling.join(coupling.split(components)[:2])
    assert all(
        np.array_equal(a, b) for a, b in zip(coupling.split(cut)[:2], coupling.split(components)[:2], strict=True)
    )
    assert not any(block.any() for block in coupling.split(cut)[2:])


@pytest.mark.parametrize("channels", CHANNELS, ids=lambda channels: channels.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_matrices_and_components_rotate_alike(channels: Channels, seed: int) -> None:
    """D in z-polar harmonics, components in those of e3nn."""
    rotation = random_rotation(seed)
    coupling = coupling_of(channels.degrees)
    matrix = random_matrix(channels)
    turn = projectors_matrix(channels, rotation)
    turned = coupling.split(coupling.couple(turn @ matrix @ turn.T)[None])
    for total, block in enumerate(coupling.split(coupling.couple(matrix)[None])):
        assert np.allclose(block @ harmonics_matrix(total, rotation, z_polar=False).T, turned[total], atol=1e-12)


def test_a_dipole_points_where_its_matrix_says() -> None:
    """s-p element of p_y, p_z, p_x: components (x, y, z) of e3nn."""
    matrix = np.zeros((4, 4))
    matrix[0, 1:] = matrix[1:, 0] = [0.2, 0.3, 0.1]  # y, z, x
    components = coupling_of((0, 1)).split(coupling_of((0, 1)).couple(matrix)[None])[1][0, 0]
    assert np.allclose(components, [0.1, 0.2, 0.3])


@pytest.mark.parametrize("degree", range(5))
def test_the_change_of_harmonics_is_orthogonal(degree: int) -> None:
    change = to_z_polar(degree)
    assert np.allclose(change @ change.T, np.eye(2 * degree + 1), atol=1e-13)


def test_gaunt_factors() -> None:
    """Integrals of three harmonics: with a constant one, and of three z axes."""
    assert gaunt_factor(0, 2, 2) == pytest.approx(1 / np.sqrt(4 * np.pi))
    size = np.sqrt(3 * 3 * 5 / (4 * np.pi)) * np.sqrt(2 / 15)  # times the 3j symbol (1 1 2; 0 0 0)
    assert abs(gaunt_factor(1, 1, 2)) == pytest.approx(size / np.sqrt(5))
