"""What lies outside the training structures."""

import json

import pytest
from ase import Atoms
from ase.build import bulk, molecule

from deepaw.density.model.coverage import Coverage, coverage_of, coverage_of_file

MGO = bulk("MgO", "rocksalt", 4.2)


@pytest.fixture
def coverage() -> Coverage:
    wide = bulk("MgO", "rocksalt", 4.3)
    return coverage_of([MGO, wide, bulk("Mg", "hcp", 3.2)], electrons=0.002)


def test_shortest_distances_of_neighbours(coverage: Coverage) -> None:
    assert coverage.shortest == {"Mg-O": pytest.approx(2.1), "Mg-Mg": pytest.approx(3.2, abs=0.05)}
    assert coverage.isolation == {"Mg": pytest.approx(3.2, abs=0.05), "O": pytest.approx(2.15)}


def test_nothing_is_said_of_what_was_there(coverage: Coverage) -> None:
    rattled = MGO.repeat(2)
    rattled.rattle(0.01, seed=1)
    assert coverage.outside(rattled, 64.1, 64) == []
    assert coverage.outside(rattled, 65, None) == coverage.outside(rattled, None, 64) == []


@pytest.mark.parametrize(
    ("atoms", "electrons", "says"),
    [
        (MGO, 8.1, ["electrons off by +1.25% before scaling (0.20% at most in validation)"]),
        (bulk("MgO", "rocksalt", 3.9), 8, ["Mg-O 1.95 A apart (2.10 A at least in training)"]),
        (molecule("O2", vacuum=5.0), 8, ["O-O were never neighbours in training"]),
        (
            Atoms("Mg", cell=[9] * 3, pbc=True),
            8,
            ["Mg with its nearest neighbour more than 6 A away (3.19 A at most in training)"],
        ),
    ],
)
def test_what_was_not(coverage: Coverage, atoms: Atoms, electrons: float, says: list[str]) -> None:
    assert coverage.outside(atoms, electrons, 8.0) == says


def test_a_file_keeps_it(coverage: Coverage) -> None:
    assert coverage_of_file(json.loads(json.dumps(coverage.description()))) == coverage
