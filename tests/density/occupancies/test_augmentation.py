"""D as the numbers of a CHGCAR: VASP's formula, and read back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk

from deepaw.density.files.augmentation import Augmentation, atom_numbers
from deepaw.density.files.chgcar import read_augmentation, read_chgcar, write_chgcar
from deepaw.density.occupancies.augmentation import (
    augmentation_of_matrices,
    matrix_of_numbers,
    numbers_of_matrix,
)
from deepaw.density.occupancies.channels import COUNTS, Channels, channels_of_text
from deepaw.density.occupancies.coupling import coupling_of
from deepaw.equivariant import spherical_harmonics
from density.occupancies.rotations import projectors_matrix
from density.occupancies.test_coupling import random_matrix

SHAPE = (4, 5, 6)


def quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Directions and weights exact for degrees up to 20."""
    z, weight = np.polynomial.legendre.leggauss(12)
    angle = 2 * np.pi * np.arange(24) / 24
    across = np.sqrt(1 - z**2)
    points = np.stack(
        [np.outer(across, np.cos(angle)), np.outer(across, np.sin(angle)), np.outer(z, np.ones(24))], axis=-1
    )
    return points.reshape(-1, 3), np.repeat(weight * 2 * np.pi / 24, 24)


def harmonics(degree: int) -> np.ndarray:
    """Orthonormal real harmonics with z polar at the directions of `quadrature`."""
    points = torch.from_numpy(np.ascontiguousarray(quadrature()[0][:, [1, 2, 0]]))
    return spherical_harmonics(degree, points)[:, degree**2 :].numpy() / np.sqrt(4 * np.pi)


@pytest.mark.parametrize("text", COUNTS.values())
def test_the_numbers_are_integrals_of_three_harmonics(text: str) -> None:
    channels = channels_of_text("X", text)
    matrix = random_matrix(channels)
    slices, weights = channels.slices(), quadrature()[1]
    expected = []
    for i, j in channels.pairs():
        for total in channels.totals(i, j):
            first, second = harmonics(channels.degrees[i]), harmonics(channels.degrees[j])
            gaunt = np.einsum("p,pa,pb,pM->Mab", weights, first, second, harmonics(total))
            factor = 1 if i == j else 2
            expected.append(factor * np.einsum("Mab,ab->M", gaunt, matrix[slices[i], slices[j]]))
    numbers = numbers_of_matrix(channels, matrix)
    assert len(numbers) == channels.count
    assert np.allclose(numbers, np.concatenate(expected), atol=1e-12)
    assert np.allclose(matrix_of_numbers(channels, numbers), matrix, atol=1e-12)


def cubic_matrices(channels: dict[str, Channels]) -> list[np.ndarray]:
    """Matrices of the two atoms of rock salt: all that its point group leaves."""
    turns = [np.array(turn) for turn in ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 1]])]
    matrices = []
    for symbol in ("Mg", "O"):
        matrix = random_matrix(channels[symbol])
        group = [np.eye(3)]
        for _ in range(8):
            group = list(
                {tuple(np.round(turn @ g).flatten()): turn @ g for turn in [np.eye(3), *turns] for g in group}.values()
            )
        images = [projectors_matrix(channels[symbol], g) for g in group]
        matrices.append(sum(image @ matrix @ image.T for image in images) / len(images))
    return matrices


def test_written_and_read_back(tmp_path: Path) -> None:
    """By our reader and by pymatgen, beside a density and a magnetisation."""
    atoms = bulk("MgO", "rocksalt", 4.2)
    channels = {"Mg": channels_of_text("Mg", "s s p p d d"), "O": channels_of_text("O", "s s p p")}
    matrices = [random_matrix(channels[symbol], seed) for seed, symbol in enumerate(atoms.symbols)]
    augmentation = augmentation_of_matrices(list(atoms.symbols), channels, matrices)
    density = np.random.default_rng(0).random(SHAPE)
    write_chgcar(tmp_path / "CHGCAR", atoms, SHAPE, [density], augmentation=augmentation)
    again = read_augmentation(tmp_path / "CHGCAR")
    assert again == augmentation == read_chgcar(tmp_path / "CHGCAR").augmentation
    for symbol, numbers, matrix in zip(atoms.symbols, atom_numbers(again.total, "CHGCAR"), matrices, strict=True):
        assert np.allclose(numbers, numbers_of_matrix(channels[symbol], matrix), rtol=1e-7)
        assert np.allclose(matrix_of_numbers(channels[symbol], numbers), matrix, atol=1e-6)
    outputs = pytest.importorskip("pymatgen.io.vasp.outputs")
    foreign = outputs.Chgcar.from_file(str(tmp_path / "CHGCAR"))
    for atom, numbers in enumerate(atom_numbers(augmentation.total, "CHGCAR"), start=1):
        assert np.array_equal(foreign.data_aug["total"][atom], numbers)
    assert np.allclose(foreign.data["total"], density * atoms.get_volume(), rtol=1e-9)
    heads = [line for line in augmentation.total.splitlines() if "augmentation" in line]
    assert heads == ["augmentation occupancies   1 138", "augmentation occupancies   2  33"]


def test_two_spin_blocks_written_and_read_back(tmp_path: Path) -> None:
    """By our reader and by pymatgen; the line of moments stands between."""
    atoms = bulk("MgO", "rocksalt", 4.2)
    channels = {"Mg": channels_of_text("Mg", "s s p p d d"), "O": channels_of_text("O", "s s p p")}
    symbols = list(atoms.symbols)
    spins = [[random_matrix(channels[symbol], seed + n) for n, symbol in enumerate(symbols)] for seed in (0, 10)]
    total, magnetisation = (augmentation_of_matrices(symbols, channels, matrices).total for matrices in spins)
    moments = "  0.120000000000E+01 -0.300000000000E+00\n"
    augmentation = Augmentation(tuple(symbols), total, magnetisation, moments)
    density, spin = np.random.default_rng(0).random((2, *SHAPE))
    write_chgcar(tmp_path / "CHGCAR", atoms, SHAPE, [density], [spin], augmentation)
    again = read_augmentation(tmp_path / "CHGCAR")
    assert again == augmentation == read_chgcar(tmp_path / "CHGCAR").augmentation
    foreign = pytest.importorskip("pymatgen.io.vasp.outputs").Chgcar.from_file(str(tmp_path / "CHGCAR"))
    assert again.magnetisation is not None
    for key, text, matrices in zip(("total", "diff"), (again.total, again.magnetisation), spins, strict=True):
        for atom, numbers in enumerate(atom_numbers(text, "CHGCAR"), start=1):
            assert np.array_equal(foreign.data_aug[key][atom], numbers)
            matrix = matrix_of_numbers(channels[symbols[atom - 1]], numbers)
            assert np.allclose(matrix, matrices[atom - 1], atol=1e-6)
    assert np.allclose(foreign.data["diff"], spin * atoms.get_volume(), rtol=1e-9)


@pytest.mark.parametrize("spin", [False, True])
def test_blocks_of_a_cubic_crystal_keep_its_symmetry(tmp_path: Path, spin: bool) -> None:
    """Rotated by a symmetry of the site, each block of a file is what it was, of the magnetisation as of the total."""
    channels = {"Mg": channels_of_text("Mg", "s s p p d d"), "O": channels_of_text("O", "s s p p")}
    matrices = cubic_matrices(channels)
    total = augmentation_of_matrices(["Mg", "O"], channels, matrices).total
    halves = augmentation_of_matrices(["Mg", "O"], channels, [matrix / 2 for matrix in matrices]).total
    augmentation = Augmentation(("Mg", "O"), total, halves if spin else None, "  0.1E+01  0.2E+01\n" if spin else "")
    density = np.ones(SHAPE)
    atoms = bulk("MgO", "rocksalt", 4.2)
    write_chgcar(tmp_path / "CHGCAR", atoms, SHAPE, [density], [density] if spin else None, augmentation)
    again = read_augmentation(tmp_path / "CHGCAR")
    text = again.magnetisation if spin else again.total
    assert text is not None
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for symbol, numbers in zip(("Mg", "O"), atom_numbers(text, "text"), strict=True):
        image = projectors_matrix(channels[symbol], turn)
        matrix = matrix_of_numbers(channels[symbol], numbers)
        assert np.allclose(numbers_of_matrix(channels[symbol], image @ matrix @ image.T), numbers, atol=1e-6)
        # a cubic site has degrees 0 and 4 alone
        blocks = coupling_of(channels[symbol].degrees).couple(matrix)
        for total, block in enumerate(coupling_of(channels[symbol].degrees).split(blocks[None])):
            assert total in (0, 4) or np.abs(block).max() < 1e-6
