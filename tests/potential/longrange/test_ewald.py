"""Reciprocal part of the Ewald sum: agreement with its equation, with DeePMD-kit, and with sums in real space."""

from __future__ import annotations

from math import erf, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import erfc

from deepaw.potential.longrange.ewald import COULOMB, ewald_energy, ewald_sum

CELL = np.array([[5.0, 0.3, -0.2], [0.4, 6.0, 0.1], [1.0, -0.5, 5.5]])
PEER = Path(__file__).parent / "peer" / "ewald.npz"


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)) for array in arrays]


def whole_energy(coord: np.ndarray, charge: np.ndarray, cell: np.ndarray, beta: float) -> float:
    """Return the energy of point charges, for any beta: with the sum in real space, without self-energies."""
    found = ewald_sum(*tensors(coord, charge, cell), beta, spacing=pi / (beta * 7))
    reach = int(np.ceil(7 / beta / np.linalg.norm(cell, axis=1).min())) + 2
    shifts = np.array(list(np.ndindex(*[2 * reach + 1] * 3))) - reach
    images = shifts @ cell
    energy = float(found.energy) - COULOMB * beta / sqrt(pi) * (charge**2).sum()
    for i, qi in enumerate(charge):
        for j, qj in enumerate(charge):
            r = np.linalg.norm(coord[j] - coord[i] + images, axis=1)
            r = r[r > 1e-9]
            energy += 0.5 * COULOMB * qi * qj * (erfc(beta * r) / r).sum()
    return energy


def water_pair() -> tuple[np.ndarray, np.ndarray]:
    """Return two molecules with charges +6 on O, +1 on H, and -8 on centroids near O."""
    first = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0], [0.0, 0.07, 0.0]])
    second = first @ np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) + [0.3, 0.4, 2.9]
    return np.concatenate([first, second]), np.tile([6.0, 1.0, 1.0, -8.0], 2)


@pytest.mark.parametrize("case", ["cubic", "triclinic"])
def test_agrees_with_deepmd_kit(case: str) -> None:
    """Energy, forces and virial agree; DeePMD-kit's operator has beta and the spacing in float32."""
    with np.load(PEER, allow_pickle=False) as file:
        given = {key.split("/")[1]: file[key] for key in file.files if key.startswith(case)}
    sizes = [float(np.float32(given[name])) for name in ("beta", "spacing")]
    found = ewald_sum(*tensors(given["coord"], given["charge"], given["cell"]), *sizes)
    for name in ("energy", "force", "virial"):
        expected = given[name]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_matrix_products_agree_with_the_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepaw.potential.longrange.ewald.CHUNK", 500)  # several chunks
    random = np.random.default_rng(1)
    sites, charges, cell = tensors(8 * random.random((9, 3)) - 2, random.normal(size=9), CELL)
    sites.requires_grad_()
    energy = ewald_energy(sites, charges, cell, 0.7, 0.9)
    (gradient,) = torch.autograd.grad(energy, sites)
    found = ewald_sum(sites.detach(), charges, cell, 0.7, 0.9)
    torch.testing.assert_close(found.energy, energy.detach(), rtol=1e-13, atol=0)
    torch.testing.assert_close(found.force, -gradient, rtol=0, atol=1e-13 * float(gradient.abs().max()))


@pytest.mark.parametrize(("i", "j"), [(0, 0), (1, 2), (2, 0)])
def test_the_virial_is_minus_the_slope_with_strain(i: int, j: int) -> None:
    random = np.random.default_rng(2)
    coord, charge = 6 * random.random((7, 3)), random.normal(size=7)
    strain = np.zeros((3, 3))
    strain[i, j] = 1e-5
    energies = []
    for sign in (1, -1):
        change = (np.eye(3) + sign * strain).T
        energies.append(float(ewald_sum(*tensors(coord @ change, charge, CELL @ change), 0.6, 0.8).energy))
    virial = ewald_sum(*tensors(coord, charge, CELL), 0.6, 0.8).virial
    assert float(virial[i, j]) == pytest.approx(-(energies[0] - energies[1]) / 2e-5, rel=1e-7)


def test_the_madelung_constant_of_rock_salt() -> None:
    """The energy per pair of ions is -1.74756459463318 C / d (Crandall, Experimental Mathematics 8, 367, 1999)."""
    places = np.array(list(np.ndindex(2, 2, 2)))
    charge = 1.0 - 2.0 * (places.sum(axis=1) % 2)
    for beta in (0.5, 0.9):
        energy = whole_energy(2.8 * places, charge, 5.6 * np.eye(3), beta)
        assert energy == pytest.approx(-4 * 1.74756459463318 * COULOMB / 2.8, rel=1e-9)


def test_total_energy_does_not_depend_on_beta() -> None:
    coord, charge = water_pair()
    cell = np.array([[7.0, 0.0, 0.0], [0.5, 7.5, 0.0], [-0.4, 0.8, 8.0]])
    energies = [whole_energy(coord, charge, cell, beta) for beta in (0.4, 0.6, 1.0)]
    np.testing.assert_allclose(energies, energies[0], rtol=1e-9)
    assert abs(energies[0]) > 100


def test_a_pair_of_charges_in_a_large_box_attracts_as_gaussians_do() -> None:
    """E = C q1 q2 erf(beta r) / r, plus self-energies and the small effect of images in a box of 90 A."""
    coord, charge, beta = np.array([[1.0, 2.0, 3.0], [1.0, 4.5, 3.0]]), np.array([1.0, -1.0]), 0.4
    found = ewald_sum(*tensors(coord, charge, 90.0 * np.eye(3)), beta, 0.75)
    self_energies = COULOMB * beta / sqrt(pi) * 2
    # energy of a dipole p in a cube of volume V, surrounded by a conductor: -2 pi C p^2 / (3 V)
    images = 2 * pi * COULOMB * 2.5**2 / (3 * 90.0**3)
    expected = self_energies - COULOMB * erf(beta * 2.5) / 2.5
    assert float(found.energy) == pytest.approx(expected - images, abs=1e-6)


def test_translation_of_charges_by_lattice_vectors() -> None:
    coord, charge = water_pair()
    cell = 7.0 * np.eye(3)
    translated = coord + np.random.default_rng(3).integers(-2, 3, coord.shape) @ cell
    before, after = (ewald_sum(*tensors(positions, charge, cell), 0.5, 0.8) for positions in (coord, translated))
    torch.testing.assert_close(before.energy, after.energy, rtol=1e-11, atol=0)
    torch.testing.assert_close(before.force, after.force, rtol=0, atol=1e-9)
