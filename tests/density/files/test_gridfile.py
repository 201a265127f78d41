"""The grid of a density file."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from deepaw.density.files.chgcar import write_chgcar
from deepaw.density.files.cube import write_cube
from deepaw.density.files.gridfile import grid_of_file
from deepaw.errors import InputError


def test_of_a_chgcar_and_of_a_cube(tmp_path: Path) -> None:
    shape = (3, 4, 5)
    write_chgcar(tmp_path / "CHGCAR", bulk("MgO", "rocksalt", 4.2), shape, [np.zeros(shape)])
    write_cube(tmp_path / "rho.cube", bulk("MgO", "rocksalt", 4.2), shape, [np.zeros(shape)])
    for name in ("CHGCAR", "rho.cube"):
        choice = grid_of_file(tmp_path / name)
        assert choice.shape == shape
        assert choice.source == f"the grid of {tmp_path / name}"


def test_of_another_file(tmp_path: Path) -> None:
    for name, says in (("CHGCAR", "is not a CHGCAR"), ("rho.cube", "is not a cube file")):
        (tmp_path / name).write_text("hello\n")
        with pytest.raises(InputError, match=says):
            grid_of_file(tmp_path / name)
