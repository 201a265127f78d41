"""The structures and inputs under examples/ are what they say."""

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib
from ase import Atoms

from deepaw.potential.data.system import Frame, read_system
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.compare import compare_frame
from deepaw.potential.input import completed_input, read_potential_input
from deepaw.structure.read import read_structure
from potential.methane import write_methane
from potential.systems import water, write_system
from potential.trainings import latest, train

EXAMPLES = Path(__file__).parent.parent / "examples"
POTENTIALS = sorted(path.name for path in EXAMPLES.glob("*_*.json"))


def test_hafnia_is_baddeleyite():
    atoms = read_structure(EXAMPLES / "HfO2.vasp")
    assert atoms.get_chemical_formula() == "Hf4O8"
    crystal = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    assert spglib.get_spacegroup(crystal, symprec=1e-4) == "P2_1/c (14)"
    bonds = np.sort(atoms.get_all_distances(mic=True)[0, 4:])[:8]
    assert 2.0 < bonds[0] < bonds[6] < 2.3 < 3.5 < bonds[7]  # seven oxygen neighbours


@pytest.mark.parametrize("name", POTENTIALS)
def test_inputs_of_potentials_are_read_whole(name, recwarn):
    settings = read_potential_input(EXAMPLES / name)
    assert settings.model.type_map == (("H", "C") if name.startswith("methane") else ("O", "H"))
    assert settings.training.validation_data is not None
    assert [str(warning.message) for warning in recwarn] == []  # of keys without effect
    given = json.loads((EXAMPLES / name).read_text())
    assert_holds(completed_input(settings), {key: value for key, value in given.items() if key != "_comment"})


@pytest.mark.slow
def test_methane_is_learnt_from_its_input_as_it_is(tmp_path):
    """As many frames as make a batch: an epoch is a step."""
    path = Path(shutil.copy(EXAMPLES / "methane_se_e2_a.json", tmp_path))
    data = write_methane(tmp_path / "methane" / "training", 7, seed=1)
    write_methane(tmp_path / "methane" / "validation", 4, seed=2)
    settings = read_potential_input(path)
    model = train(settings, tmp_path, tmp_path / "out")
    assert latest(tmp_path / "out").step == settings.training.num_epoch == 200
    found = [compare_frame(PotentialEngine(model), frame) for frame in read_system(data, model.type_map).frames()]
    errors = np.concatenate([np.subtract(*each.pairs["force"]) for each in found])
    forces = np.concatenate([each.pairs["force"][0] for each in found])
    assert errors.std() < 0.3 * forces.std()


def test_clusters_are_cut_around_molecules(tmp_path):
    frames = water(3, molecules=8, seed=2)
    source = write_system(tmp_path / "water", frames)
    cut = runpy.run_path(str(EXAMPLES / "water_clusters.py"))["cut"]
    assert cut(source, tmp_path / "clusters", 2, 3, 3.0, 5) == 6
    system = read_system(tmp_path / "clusters", ("O", "H"))
    assert (system.nframes, system.natoms, system.is_periodic) == (6, 15, False)
    sizes = set()
    for index, frame in enumerate(system.frames()):
        whole, labels = read_system(source).frame([0, 2][index // 3]), frame.labels
        there = labels["aparam"][:, 0] == 1
        count = int(there.sum()) // 3
        sizes.add(count)
        assert there.tolist() == [place % 5 < count if place < 5 else place < 5 + 2 * count for place in range(15)]
        middle = np.array([0, 5, 6])
        assert labels["atom_pref"].nonzero()[0].tolist() == middle.tolist()
        # the forces of one molecule, and its distances to others as in the box
        (atom,) = np.flatnonzero((whole.labels["force"] == labels["force"][0]).all(axis=1))
        atoms = Atoms(numbers=whole.types + 1, positions=whole.coord, cell=whole.cell, pbc=True)
        expected = np.sort(atoms.get_distances(atom, range(8), mic=True))[:5]
        distances = np.sort(np.linalg.norm(frame.coord[:count] - frame.coord[0], axis=1))
        np.testing.assert_allclose(distances, expected[:count], atol=1e-12)
        assert count == min(5, int((np.sort(atoms.get_distances(atom, range(8), mic=True)) < 3.0).sum()))
        assert (np.linalg.norm(frame.coord[middle[1:]] - frame.coord[0], axis=1) < 1.3).all()
        assert (labels["force"][labels["atom_pref"] == 0] == 0).all() and (frame.coord[~there] == 0).all()
    assert len(sizes) > 1


def test_molecules_are_pushed_together(tmp_path):
    source = read_system(write_system(tmp_path / "water", water(3, molecules=8, seed=2)), ("O", "H"))
    example = runpy.run_path(str(EXAMPLES / "water_pushed.py"))
    frame, random, kept = source.frame(0), np.random.default_rng(0), 0
    for _ in range(20):
        coord = example["push"](frame, random)
        pushed = Frame(frame.types, coord, frame.cell, {})
        oxygen, hydrogen = (np.flatnonzero(frame.types == kind) for kind in (0, 1))
        apart = example["distances"](pushed, oxygen, oxygen)[1][np.triu_indices(8, 1)]
        assert apart.min() < 2.4
        bonds = example["distances"](pushed, oxygen, hydrogen)[1]
        assert (np.sort(bonds, axis=1)[:, :2] < 1.3).all()  # molecules stay whole
        kept += example["is_sound"](pushed)
        energy, force = example["repulsion"](pushed)
        assert energy > 0
        np.testing.assert_allclose(force.sum(axis=0), 0, atol=1e-9)
        atom, step = int(oxygen[0]), 1e-4
        energies = []
        for sign in (1, -1):
            moved = pushed.coord.copy()
            moved[atom, 0] += sign * step
            energies.append(example["repulsion"](Frame(frame.types, moved, frame.cell, {}))[0])
        assert (energies[1] - energies[0]) / (2 * step) == pytest.approx(force[atom, 0], rel=1e-2, abs=0.02)
    assert kept
    assert example["repulsion"](frame)[0] == 0  # nothing in the data feels it


def assert_holds(complete: dict[str, Any], given: dict[str, Any]) -> None:
    """What was understood has the values that were given."""
    for key, value in given.items():
        if isinstance(value, dict):
            assert_holds(complete[key], value)
        elif isinstance(value, list) and isinstance(value[0], dict):
            for found, part in zip(complete[key], value, strict=True):
                assert_holds(found, part)
        else:
            assert complete[key] == value, key
