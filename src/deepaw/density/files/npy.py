"""NumPy arrays of a density, e/A^3."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from deepaw.density.files.blocks import Shape, checked
from deepaw.outputfile import output_file


def write_npy(path: str | Path, shape: Shape, blocks: Iterable[np.ndarray]) -> None:
    """Write a density (nx, ny, nz), e/A^3, as float64 that `numpy.load` reads.

    The file is in Fortran order, which NumPy restores to the same (nx, ny, nz): blocks along z then follow one another
    and nothing larger than a block is held. Raises InputError where the file cannot be written.
    """
    with output_file(path) as temporary, temporary.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": True, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in checked(blocks, shape):
            file.write(np.ascontiguousarray(block.T, dtype="<f8").data)
