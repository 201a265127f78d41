"""`deepaw.ase.DeepPotCalculator` against the equations, through dynamics, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.harmonic import HarmonicCalculator, HarmonicForceField
from ase.calculators.mixing import SumCalculator
from ase.md.verlet import VelocityVerlet
from ase.stress import full_3x3_to_voigt_6_stress

from deepaw.ase import DeepPotCalculator
from deepaw.errors import InputError
from deepaw.infer import DeepPot
from potential.files.peer_models import path_of, places
from potential.systems import water

CUTOFF = 3.0


def box(seed: int = 0, molecules: int = 4) -> Atoms:
    """Water molecules in a triclinic cell somewhat longer than the cutoff."""
    frames = water(1, molecules, seed)
    assert frames.cell is not None
    numbers = np.array([8, 1])[frames.types]
    return Atoms(numbers, positions=frames.coord[0], cell=frames.cell[0], pbc=True)


def calculator(skin: float = 0.0, precision: str = "float64", case: str = "one_side") -> DeepPotCalculator:
    return DeepPotCalculator(path_of(case), precision=precision, skin=skin)


def same(atoms: Atoms, first: DeepPotCalculator, second: DeepPotCalculator) -> None:
    for name in ("energy", "free_energy", "energies", "forces", "stress"):
        expected = second.get_property(name, atoms)
        value = first.get_property(name, atoms)
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-10 * np.abs(expected).max(), err_msg=name)


def test_properties_are_those_of_the_potential() -> None:
    atoms = box()
    types = (atoms.numbers == 1).astype(int)
    energy, force, virial, atom_energy, _ = DeepPot(path_of("one_side")).eval(
        atoms.positions, atoms.cell.array, types, atomic=True
    )
    atoms.calc = calculator()
    assert atoms.get_potential_energy() == atoms.get_potential_energy(force_consistent=True)
    np.testing.assert_allclose(atoms.get_potential_energy(), energy[0, 0], rtol=1e-12)
    np.testing.assert_allclose(atoms.get_potential_energies(), atom_energy[0, :, 0], rtol=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), force[0], rtol=0, atol=1e-12)
    assert isinstance(atoms.get_forces(), np.ndarray) and atoms.get_forces().flags.writeable
    stress = full_3x3_to_voigt_6_stress(-virial.reshape(3, 3) / atoms.get_volume())
    np.testing.assert_allclose(atoms.get_stress(), stress, rtol=0, atol=1e-12)


def test_stress_is_the_slope_of_the_energy_with_strain() -> None:
    atoms = box()
    atoms.calc = calculator(skin=1.0)
    stress = atoms.get_stress(voigt=False)
    step, volume = 1e-4, atoms.get_volume()
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[i, j] += sign * step
                strained = atoms.copy()
                strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
                strained.calc = atoms.calc
                energies.append(strained.get_potential_energy())
            expected[i, j] = (energies[0] - energies[1]) / (2 * step * volume)
    np.testing.assert_allclose(stress, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("pbc", [(1, 1, 0), (1, 0, 0), (0, 1, 1), (0, 0, 0)], ids=str)
@pytest.mark.parametrize("vacuum", [0.0, 0.3, 5.0])
def test_along_directions_without_periods_there_are_no_images(pbc: tuple, vacuum: float) -> None:
    """The cell vector there, if there is one, means nothing: a cell with enough vacuum gives the same."""
    atoms = box()
    atoms.positions -= 4.0
    padded = atoms.copy()
    cell = atoms.cell.array
    for axis in np.flatnonzero(np.logical_not(pbc)):
        cell[axis] *= vacuum
        padded.cell[axis] *= 6
    atoms.set_cell(cell)
    atoms.pbc = pbc
    atoms.calc, padded.calc = calculator(skin=1.0), calculator()
    np.testing.assert_allclose(atoms.get_potential_energy(), padded.get_potential_energy(), rtol=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), padded.get_forces(), rtol=0, atol=1e-12)


def test_there_is_a_stress_where_there_are_periods_and_a_volume() -> None:
    atoms = molecule("H2O", vacuum=4.0)
    atoms.calc = calculator()
    atoms.get_forces()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    atoms.pbc = (True, True, False)
    assert np.isfinite(atoms.get_stress()).all()
    atoms.cell[2] = 0
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


@pytest.mark.parametrize("precision", ["float64", "exact"])
def test_a_skin_changes_nothing(precision: str) -> None:
    """Through steps small and large, other cells, more and fewer atoms, other elements, other periods."""
    random = np.random.default_rng(5)
    kept, fresh = calculator(skin=0.8, precision=precision), calculator(precision=precision)
    atoms = box()
    for step in range(60):
        atoms.positions += random.normal(0, 0.02 if step % 20 else 0.3, atoms.positions.shape)
        if step % 9 == 5:
            atoms.set_cell(atoms.cell.array * random.uniform(0.98, 1.02, (3, 1)), scale_atoms=step % 2 == 0)
        if step == 20:
            atoms = atoms[[5, 2, 7, 0, 1, 3, 4, 6]]
        if step == 30:
            atoms = box(seed=1, molecules=5)
        if step == 40:
            atoms.symbols = atoms.symbols[::-1]
        if step == 50:
            atoms.pbc = (True, False, True)
        same(atoms, kept, fresh)


@pytest.mark.parametrize("case", ["dropped", "hybrid_dropped", "hybrid", "radial_excluded", "pair_excluded_radial"])
@pytest.mark.parametrize("precision", ["float64", "exact"])
def test_a_skin_changes_nothing_where_neighbours_are_dropped(case: str, precision: str) -> None:
    random = np.random.default_rng(6)
    kept, fresh = calculator(1.5, precision, case), calculator(0.0, precision, case)
    atoms = box()
    for _ in range(8):
        atoms.positions += random.normal(0, 0.03, atoms.positions.shape)
        same(atoms, kept, fresh)


def test_energy_is_conserved() -> None:
    """2,000 steps of velocity Verlet: what flows between kinetic and potential energy is not lost.

    Springs to the sites keep atoms apart, which the random weights of this potential do not.
    """
    atoms = box()
    atoms.set_masses([16.0] * len(atoms))
    springs = HarmonicForceField(ref_atoms=atoms.copy(), ref_energy=0.0, hessian_x=10 * np.eye(3 * len(atoms)))
    potential = calculator(skin=0.2)
    atoms.calc = SumCalculator([potential, HarmonicCalculator(springs)])
    momenta = np.random.default_rng(3).normal(0, 1.6, (len(atoms), 3))
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    total, part = [], []
    dynamics = VelocityVerlet(atoms, timestep=0.5 * units.fs)
    dynamics.attach(lambda: total.append(atoms.get_total_energy()))
    dynamics.attach(lambda: part.append(potential.results["energy"]))
    start, farthest = atoms.positions.copy(), []
    dynamics.attach(lambda: farthest.append(np.abs(atoms.positions - start).max()))
    dynamics.run(2000)
    assert max(farthest) > 0.3  # lists were made anew
    exchanged = np.ptp(part)
    assert abs(np.mean(total[-500:]) - np.mean(total[:500])) < 1e-3 * exchanged
    assert np.ptp(total) < 0.05 * exchanged


def test_parameters_are_taken_from_info() -> None:
    place = places("parameters")["pbc"]
    assert place.fparam is not None and place.aparam is not None
    atoms = Atoms(np.array([8, 1])[place.atype], positions=place.coord, cell=place.cell, pbc=True)
    atoms.info = {"fparam": place.fparam[0].tolist(), "aparam": place.aparam.numpy()}
    atoms.calc = calculator(case="parameters")
    np.testing.assert_allclose(atoms.get_potential_energy(), place.answers["energy"], rtol=1e-9)
    atoms.info["fparam"][0] += 0.5
    changed = atoms.get_potential_energy()
    assert abs(changed - place.answers["energy"]) > 1e-6
    del atoms.info["aparam"]
    with pytest.raises(InputError, match="aparam is missing; the model needs 1 for each atom"):
        atoms.get_potential_energy()
    atoms.info["aparam"] = [1.0, 2.0]
    with pytest.raises(InputError, match=r"aparam has the shape \(2,\)"):
        atoms.get_potential_energy()


def test_symbols_may_stand_for_other_types() -> None:
    atoms, other = box(), box()
    other.symbols = np.where(atoms.numbers == 8, "S", "Li")
    atoms.calc = calculator()
    other.calc = DeepPotCalculator(path_of("one_side"), type_dict={"Li": 1, "S": 0, "H": 1})
    assert other.get_potential_energy() == atoms.get_potential_energy()
    with pytest.raises(InputError, match="type_dict gives S the type 2; the model has 2"):
        DeepPotCalculator(path_of("one_side"), type_dict={"S": 2})


def test_a_potential_in_memory() -> None:
    atoms = box()
    atoms.calc = calculator()
    expected = atoms.get_forces()
    atoms.calc = DeepPotCalculator(DeepPot(path_of("one_side")).get_model(), skin=0.5)
    np.testing.assert_allclose(atoms.get_forces(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"symbols": "CH4", "positions": np.arange(15).reshape(5, 3)}, "atom 1 is C; the model knows O, H."),
        ({"symbols": "H2", "positions": np.zeros((2, 3))}, "atoms 1 and 2 are on one spot"),
        ({"symbols": "H", "positions": [[0, np.nan, 0]]}, "coordinates must be finite numbers"),
        ({"symbols": "H", "positions": [[0, 1e6, 0]]}, "within 10000 A"),
        ({"symbols": "H", "pbc": True}, "is periodic along a but has no cell vector there"),
        ({"symbols": "H", "pbc": True, "cell": [[4, 0, 0], [8, 0, 0], [0, 0, 4]]}, "a cell of zero volume"),
        ({"symbols": "H", "pbc": (1, 0, 0), "cell": [0.01, 0, 0]}, "a cell only 0.01 A high along a"),
        ({"symbols": ""}, "holds no atoms"),
    ],
)
def test_one_sentence_for_what_is_wrong(change: dict, said: str) -> None:
    atoms = Atoms(**change)
    atoms.calc = calculator()
    with pytest.raises(InputError) as caught:
        atoms.get_potential_energy()
    assert said in str(caught.value)
    with pytest.raises(InputError, match="skin is -1 A"):
        calculator(skin=-1.0)
