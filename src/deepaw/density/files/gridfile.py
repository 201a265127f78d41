"""The grid of a density file."""

from __future__ import annotations

from pathlib import Path

from deepaw.density.files.chgcar import read_chgcar_head
from deepaw.density.files.cube import read_cube_shape
from deepaw.density.files.formats import CUBE_SUFFIXES
from deepaw.density.grid import GridChoice


def grid_of_file(path: str | Path) -> GridChoice:
    """The grid of an existing CHGCAR or cube, of which only the head is read. Raises InputError if it has none."""
    is_cube = Path(path).suffix.lower() in CUBE_SUFFIXES
    shape = read_cube_shape(path) if is_cube else read_chgcar_head(path).shape
    return GridChoice(shape, f"the grid of {path}")
