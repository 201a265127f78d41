"""Structures that make no sense are refused in one sentence that says what is wrong with which atom."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from deepaw.errors import InputError
from deepaw.structure.checks import FEW, check_atoms, check_box, check_geometry


def refused(atoms: Atoms, *words: str, check=check_atoms) -> str:
    with pytest.raises(InputError) as caught:
        check(atoms)
    text = str(caught.value)
    for word in words:
        assert word in text, text
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_atoms_on_one_spot_are_a_matter_of_their_own():
    atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.01]])
    check_geometry(atoms)
    refused(atoms, "sit on one spot")
    refused(Atoms(), "holds no atoms", check=check_geometry)
    refused(Atoms("H", positions=[[0, np.nan, 0]]), "atom 1 (H)", check=check_geometry)
    refused(Atoms("H", pbc=(0, 0, 1)), "periodic along c", check=check_geometry)


def test_crystals_slabs_and_molecules_pass():
    check_atoms(bulk("MgO", "rocksalt", 4.2))
    check_atoms(fcc111("Al", (2, 2, 3)))  # no cell vector along its surface normal
    check_atoms(molecule("H2O"))
    boxed = molecule("H2O")
    boxed.center(vacuum=4.0)
    check_atoms(boxed)
    check_box(boxed)


def test_no_atoms():
    refused(Atoms(), "no atoms")


def test_position_that_is_not_a_number_names_the_atom():
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.positions[1, 2] = np.nan
    refused(atoms, "atom 2 (O)", "nan", "finite")


def test_position_in_the_wrong_units():
    refused(Atoms("H2", [[0, 0, 0], [0, 0, 1e6]]), "atom 2 (H)", "1e+06 A")


def test_cell_entry_that_is_not_a_number():
    refused(Atoms("H", cell=[[np.inf, 0, 0], [0, 3, 0], [0, 0, 3]], pbc=True), "cell", "inf")


@pytest.mark.parametrize("shift", [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, -3.0, 6.0], [0.02, 0.0, 3.0]])
def test_two_atoms_on_one_spot_also_through_periodic_images(shift):
    atoms = Atoms("NaCl", [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], cell=[3, 3, 3], pbc=True)
    atoms.positions[1] += shift
    refused(atoms, "atom 1 (Na)", "atom 2 (Cl)", "one spot")


def test_two_of_many_atoms_on_one_spot():
    grid = np.stack(np.meshgrid(*[np.arange(7.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * 2
    atoms = Atoms(f"H{len(grid)}", grid, cell=[14] * 3, pbc=True)
    assert len(atoms) > FEW
    check_atoms(atoms)
    atoms.positions[-1] = [-0.05, 14.0, 0.0]
    refused(atoms, "atom 1 (H)", f"atom {len(atoms)} (H)", "one spot")


def test_images_count_only_along_periodic_directions():
    atoms = Atoms("H2", [[0, 0, 0.1], [0, 0, 5.1]], cell=[3, 3, 5], pbc=[True, True, False])
    check_atoms(atoms)
    atoms.pbc = True
    refused(atoms, "one spot")


def test_the_closest_pair_is_the_one_named():
    atoms = Atoms("HLiNaK", [[0, 0, 0], [0, 0, 0.08], [5, 5, 5], [5, 5, 5.01]], cell=[10, 10, 10], pbc=True)
    refused(atoms, "atom 3 (Na)", "atom 4 (K)", "0.010 A")


def test_zero_volume():
    refused(Atoms("H", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True), "zero volume", "(3 3 0)")


def test_cell_in_the_wrong_units():
    refused(Atoms("H", cell=[3e-10, 3, 3], pbc=True), "along a", "3e-10 A")


def test_cell_far_too_long():
    refused(Atoms("H", cell=[3e6, 3, 3], pbc=True), "3e+06 A", "no longer")


def test_coincidence_in_any_cell():
    """An atom a given distance from some image of another, in random, mostly skewed cells."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        cell = rng.uniform(-6, 6, (3, 3))
        if abs(np.linalg.det(cell)) < 30:
            continue
        pbc = rng.random(3) < 0.7
        first = rng.uniform(-1, 2, 3) @ cell
        direction = rng.normal(size=3)
        image = first + (rng.integers(-2, 3, 3) * pbc) @ cell
        for distance, fits in ((0.09, False), (0.11, True)):
            second = image + distance * direction / np.linalg.norm(direction)
            atoms = Atoms("HLi", [first, second], cell=cell, pbc=pbc)
            if fits:
                check_atoms(atoms)
            else:
                refused(atoms, "atom 1 (H)", "atom 2 (Li)", "0.090 A")


def test_periodic_direction_without_a_cell_vector():
    refused(Atoms("H", cell=[3, 3, 0], pbc=True), "periodic along c", "no cell vector")


def test_grid_needs_a_box_and_the_error_says_how_to_make_one():
    refused(molecule("H2O"), "no cell", "vacuum", check=check_box)
    refused(fcc111("Al", (1, 1, 2)), "no cell vector c", "vacuum", check=check_box)
    refused(Atoms("H", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]]), "zero volume", check=check_box)


def test_a_thousand_atoms_pass():
    atoms = bulk("MgO", "rocksalt", 4.2, cubic=True).repeat(6)
    atoms.rattle(0.05, seed=1)
    check_atoms(atoms)
    atoms.positions[1700] = atoms.positions[3] + atoms.cell[0]
    refused(atoms, "atom 4 ", "atom 1701 ")
