"""Electron configurations."""

from __future__ import annotations

import pytest
import torch
from ase.data import chemical_symbols

from deepaw.errors import InputError
from deepaw.potential.network.electrons import SIZE, SUBSHELLS, electron_rows, occupation

ELEMENTS = chemical_symbols[1:119]


def written(symbol: str) -> str:
    """Return the occupied subshells in the usual notation."""
    return " ".join(f"{name}{count}" for name in SUBSHELLS if (count := occupation(symbol)[name]))


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("H", "1s1"),
        ("O", "1s2 2s2 2p4"),
        ("Fe", "1s2 2s2 2p6 3s2 3p6 3d6 4s2"),
        ("Cr", "1s2 2s2 2p6 3s2 3p6 3d5 4s1"),
        ("Pd", "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10"),
        ("La", "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 5s2 5p6 5d1 6s2"),
        ("Au", "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f14 5s2 5p6 5d10 6s1"),
    ],
)
def test_ground_states(symbol: str, expected: str) -> None:
    assert written(symbol) == expected


def test_every_element_has_its_electrons_and_a_row_of_its_own() -> None:
    rows = electron_rows(ELEMENTS)
    assert rows.shape == (118, SIZE) and rows.dtype == torch.float64
    assert ((rows > 0).sum(1) == torch.arange(1, 119)).all()
    assert len(torch.unique(rows, dim=0)) == 118
    torch.testing.assert_close(rows.square().sum(1), torch.ones(118, dtype=torch.float64))


def test_pairs_first_then_single_electrons() -> None:
    """Four 2p electrons of oxygen: two in one orbital, one in each of the others."""
    row = (electron_rows(["O"])[0] * SIZE**0.5).round().int().tolist()
    assert row[:10] == [1, 1, 1, 1, 1, 1, -1, 1, -1, 1]
    assert set(row[10:]) == {-1}


@pytest.mark.parametrize("name", ["X", "water", "D"])
def test_names_that_are_no_elements(name: str) -> None:
    with pytest.raises(InputError, match=f"type_map has {name}, which is no element"):
        electron_rows(["H", name])
