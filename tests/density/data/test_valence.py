"""Valence electrons read off compositions and densities."""

import warnings

import numpy as np
import pytest
from ase import Atoms

from deepaw.density.data.example import Example
from deepaw.density.data.valence import valence_electrons


def example(formula: str, electrons: float, given: bool = True) -> Example:
    atoms = Atoms(formula, cell=[2, 2, 2], pbc=True)
    density = np.full((2, 2, 2), electrons / 8.0)
    return Example(formula, formula, atoms, electrons if given else None, formula, lambda: density)


def quietly(*examples: Example) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return valence_electrons(examples)


def test_elements_told_apart_by_their_oxides():
    found = quietly(example("MgO", 8), example("MgAl2O4", 32), example("Al2O3", 24), example("O2", 12.002))
    assert found == {"Mg": 2, "Al": 3, "O": 6}


def test_electrons_from_the_integral():
    assert quietly(example("Si2", 8.001, given=False)) == {"Si": 4}


def test_counts_that_are_not_whole_stay():
    assert quietly(example("Si2", 8.2))["Si"] == pytest.approx(4.1)


def test_salts_need_to_be_told_what_the_anion_brings():
    # Na with its 2p shell
    assert quietly(example("NaCl", 14), example("Na2Cl2", 28)) == {"Na": 7, "Cl": 7}
    assert quietly(example("CsF", 16), example("CsF", 16), example("Si2", 8)) == {"Cs": 9, "F": 7, "Si": 4}


def test_metals_that_only_come_together_are_left_out():
    with pytest.warns(UserWarning, match=r"valence electrons of Cu, Zn cannot be told"):
        found = valence_electrons([example("CuZn", 23), example("Si2", 8)])
    assert found == {"Si": 4}


def test_a_typical_valence_that_does_not_fit_is_not_used():
    # six electrons for Na and Cl together: Cl cannot bring its seven
    with pytest.warns(UserWarning, match="valence electrons of Cl, Na cannot be told"):
        assert valence_electrons([example("NaCl", 6)]) == {}
    # H and O both typical, but not with 9.5 electrons
    with pytest.warns(UserWarning, match="valence electrons of H, O cannot be told"):
        assert valence_electrons([example("OH2", 9.5)]) == {}


def test_mixed_pseudopotentials_are_noticed():
    with pytest.warns(UserWarning, match="differs by"):
        valence_electrons([example("Ti", 4), example("Ti2", 24)])
