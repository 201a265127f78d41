"""Harris energies as a calculator of ASE."""

from __future__ import annotations

import copy
import pickle

import pytest
from ase.calculators.calculator import PropertyNotImplementedError
from ase.units import Ha

from deepaw.gpaw import HarrisCalculator
from deepaw.gpaw.sources import KnownDensity
from gpawcases import converged, need_gpaw


def test_energies_without_forces() -> None:
    need_gpaw()
    atoms, parameters, exact, total, matrices = converged("plane waves", 2)
    atoms = atoms.copy()
    atoms.calc = HarrisCalculator(KnownDensity(total, matrices), **parameters)
    assert atoms.get_potential_energy() == pytest.approx(exact.results["energy"] * Ha, abs=2e-3)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_forces()
    for twin in (copy.deepcopy(atoms.calc), pickle.loads(pickle.dumps(atoms.calc))):
        assert twin.results == atoms.calc.results
