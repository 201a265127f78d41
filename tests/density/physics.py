"""What every density model must satisfy, whatever it is made of.

Inherit `DensityPhysics` in a test file and give two fixtures: `density`, a function of a structure and points that
returns (n, outputs) e/A^3 through the engine; and `cutoff` in A, beyond which atoms are not seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.spacegroup import crystal
from scipy.spatial.transform import Rotation

Density = Callable[[Atoms, np.ndarray], np.ndarray]


def rattled_crystal() -> Atoms:
    """A small triclinic cell, shorter than the cutoff, with three atoms off every symmetry site."""
    cell = [[3.1, 0.1, -0.2], [0.5, 3.4, 0.3], [-0.3, 0.4, 3.8]]
    return Atoms(
        "HfO2", scaled_positions=[[0.02, 0.01, 0.95], [0.31, 0.44, 0.24], [0.7, 0.6, 0.66]], cell=cell, pbc=True
    )


def some_points(atoms: Atoms, count: int = 20, seed: int = 0) -> np.ndarray:
    """Points all over and around the cell."""
    return np.random.default_rng(seed).uniform(-0.6, 1.6, (count, 3)) @ atoms.cell.array


class DensityPhysics:
    """The suite; `relative` is how well equal densities must agree, relative to the largest."""

    relative = 2e-6

    def _same(self, a: np.ndarray, b: np.ndarray) -> None:
        assert np.abs(b).max() > 0 and np.ptp(b) > 1e-3 * np.abs(b).max(), (
            "the model gives a constant: nothing is tested"
        )
        np.testing.assert_allclose(a, b, rtol=0, atol=self.relative * np.abs(b).max())

    @pytest.mark.parametrize("seed", [1, 2])
    def test_rotation(self, density: Density, seed: int) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        matrix = Rotation.random(random_state=seed).as_matrix()
        turned = Atoms(atoms.numbers, positions=atoms.positions @ matrix.T, cell=atoms.cell.array @ matrix.T, pbc=True)
        self._same(density(turned, points @ matrix.T), density(atoms, points))

    def test_inversion(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        mirrored = Atoms(atoms.numbers, positions=-atoms.positions, cell=-atoms.cell.array, pbc=True)
        self._same(density(mirrored, -points), density(atoms, points))

    def test_translation(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        shift = np.array([0.7, -11.3, 5.9])
        moved = atoms.copy()
        moved.positions += shift
        self._same(density(moved, points + shift), density(atoms, points))

    def test_lattice_translation_of_points(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        shift = np.array([3, -2, 5]) @ atoms.cell.array
        self._same(density(atoms, points + shift), density(atoms, points))

    def test_permutation(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        self._same(density(atoms[[2, 0, 1]], points), density(atoms, points))

    def test_wrapped_atoms(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        outside = atoms.copy()
        outside.positions[1] += [-2, 1, 4] @ atoms.cell.array
        self._same(density(outside, points), density(atoms, points))

    def test_supercell_is_the_cell(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        self._same(density(atoms.repeat((2, 1, 3)), points), density(atoms, points))

    def test_points_do_not_depend_on_their_company(self, density: Density) -> None:
        atoms = rattled_crystal()
        points = some_points(atoms)
        alone = np.concatenate([density(atoms, point[None]) for point in points])
        self._same(density(atoms, points), alone)

    def test_molecule_is_the_crystal_in_a_large_box(self, density: Density, cutoff: float) -> None:
        positions = [[0, 0, 0], [1.3, 0.2, -0.4], [-0.4, 1.1, 0.9]]
        molecule = Atoms("HfO2", positions=positions)
        boxed = Atoms("HfO2", positions=positions, cell=[2 * cutoff + 4] * 3, pbc=True)
        points = np.random.default_rng(3).uniform(-2, 2, (15, 3))
        self._same(density(molecule, points), density(boxed, points))

    def test_slab_sees_its_images_only_in_its_plane(self, density: Density, cutoff: float) -> None:
        atoms = rattled_crystal()
        slab = atoms.copy()
        slab.pbc = (True, True, False)
        padded = atoms.copy()
        padded.set_cell([atoms.cell[0], atoms.cell[1], [0, 0, 2 * cutoff + 8]])
        points = np.random.default_rng(4).uniform(0, 3, (15, 3))
        self._same(density(slab, points), density(padded, points))

    def test_equivalent_points_of_a_crystal(self, density: Density) -> None:
        fluorite = crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)
        x, y, z = 0.07, 0.19, 0.36
        star = [(x, y, z), (-x, -y, -z), (y, x, z), (z, x, y), (x + 0.5, y + 0.5, z), (-x, y, -z), (x, -z, y)]
        values = density(fluorite, np.array(star) @ fluorite.cell.array)
        other = density(fluorite, np.array([[0.5, 0.5, 0.5]]) @ fluorite.cell.array)
        scale = max(np.abs(values).max(), np.abs(other).max())
        assert np.abs(values - other).max() > 1e-3 * scale
        np.testing.assert_allclose(
            values, np.broadcast_to(values[:1], values.shape), atol=self.relative * scale, rtol=0
        )

    def test_continuous_where_an_atom_leaves_the_cutoff(self, density: Density, cutoff: float) -> None:
        """Once as seen by a point, once as seen by another atom."""

        def pair(distance: float) -> np.ndarray:
            atoms = Atoms("HfO", positions=[[0, 0, 0], [0, 0, distance]])
            return density(atoms, np.array([[0.3, 0.5, 0.0], [0.0, 0.4, -0.6]]))

        def point(distance: float) -> np.ndarray:
            atoms = Atoms("HfO", positions=[[0, 0, 0], [0, 1.5, 0]])
            return density(atoms, np.array([[distance, 0, 0], [0.5, 0.5, 0]]))

        for function in (pair, point):
            inside, outside = function(cutoff - 1e-5), function(cutoff + 1e-5)
            np.testing.assert_allclose(inside, outside, rtol=0, atol=self.relative * np.abs(inside).max())

    def test_finite_on_a_nucleus(self, density: Density) -> None:
        atoms = rattled_crystal()
        assert np.isfinite(density(atoms, atoms.positions)).all()

    def test_far_from_everything(self, density: Density, cutoff: float) -> None:
        atoms = Atoms("Hf", positions=[[0, 0, 0]])
        far = density(atoms, np.array([[0.0, 0, cutoff + 1], [0.0, 50 * cutoff, 0]]))
        np.testing.assert_allclose(far[0], far[1], atol=1e-12)
