"""The choice of a grid: VASP's rule, given sizes, files and database rows."""

from math import pi, sqrt

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.density.grid import given_grid, grid_of_row, vasp_grid
from deepaw.errors import InputError


def test_vasp_rule_for_monoclinic_hafnia():
    cell = [5.117, 5.175, 5.292, 90, 99.2, 90]
    choice = vasp_grid(Atoms("Hf", cell=cell, pbc=True), 500)
    # 39.3 -> 40, 39.7 -> 40, 40.6 -> 42, doubled
    assert choice.shape == (80, 80, 84)
    assert "500 eV" in choice.source
    assert choice.points == 80 * 80 * 84


@pytest.mark.parametrize("encut", [250.0, 400.0, 520.0, 800.0])
def test_vasp_rule_is_the_smallest_smooth_size(encut):
    lengths = np.array([2.5, 7.3, 31.0])
    shape = vasp_grid(Atoms("H", cell=lengths, pbc=True), encut).shape
    for length, size in zip(lengths, shape, strict=True):
        lowest = 2 + 4 * sqrt(encut / 13.605693) / (2 * pi / (length / 0.52917721))
        smooth = {2**a * 3**b * 5**c * 7**d for a in range(11) for b in range(7) for c in range(5) for d in range(4)}
        assert size == 2 * min(n for n in smooth if n >= lowest)


def test_vasp_rule_refuses_a_senseless_cutoff():
    for encut in (0.0, -500.0, float("nan")):
        with pytest.raises(InputError, match="plane-wave cutoff"):
            vasp_grid(bulk("MgO", "rocksalt", 4.2), encut)


def test_given():
    assert given_grid((4, 5, 6)).shape == (4, 5, 6)
    assert given_grid(np.array([4, 5, 6])).source == "as given"


@pytest.mark.parametrize("shape", [(0, 10, 10), (10, -1, 10), (10, 10), (10, 10, 10, 10), (1.5, 10, 10)])
def test_given_nonsense(shape):
    with pytest.raises(InputError, match="three positive whole numbers") as caught:
        given_grid(shape)
    assert " ".join(str(n) for n in shape) in str(caught.value)


def test_of_a_row():
    assert grid_of_row((3, 4, 5), "train.db", 7).source == "the grid of row 7 of train.db"
    with pytest.raises(InputError, match=r"row 7 of train.db has no grid"):
        grid_of_row(None, "train.db", 7)
