"""A density as a sequence of blocks along the third cell vector, the order in which CHGCAR wants it.

A block is an array (nx, ny, n) of any float dtype; the blocks of a grid (nx, ny, nz) follow one another along z and add
up to nz. A whole grid in memory is one block. Writers take the blocks one at a time, so that their memory does not
grow with the grid.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepaw.outputfile import disk_errors

Shape = tuple[int, int, int]


def checked(blocks: Iterable[np.ndarray], shape: Shape) -> Iterator[np.ndarray]:
    """The same blocks. Raises ValueError where they do not add up to `shape`: an error of the program, not the user."""
    nx, ny, nz = shape
    done = 0
    for block in blocks:
        if block.ndim != 3 or block.shape[:2] != (nx, ny) or done + block.shape[2] > nz:
            raise ValueError(f"a block of shape {block.shape} at z = {done} does not fit the grid {shape}")
        done += block.shape[2]
        yield block
    if done != nz:
        raise ValueError(f"the blocks end at z = {done} of the grid {shape}")


class BlockSpool:
    """Blocks kept in an unnamed temporary file: written once as they come, read again in either order.

    For what has to be known before the first number is written (the scale to the exact electron count), for a second
    quantity that a format wants after the first (magnetisation), and for formats whose fastest index is z (cube).
    The file is gone when the spool is closed or the process ends, however it ends.
    """

    def __init__(self, output: str | Path) -> None:
        """`output`: the file the blocks are for. They take up room in its folder, and errors speak of it.

        Raises InputError, as `append` does, where there is no room.
        """
        self._output = Path(output)
        with disk_errors(output):
            self._file: BinaryIO = tempfile.TemporaryFile(dir=self._output.parent)  # noqa: SIM115, closed by close()
        self._blocks: list[tuple[int, tuple[int, int, int], np.dtype]] = []  # offset, shape, dtype

    def append(self, block: np.ndarray) -> None:
        """Keep one more block (nx, ny, n)."""
        nx, ny, n = block.shape
        with disk_errors(self._output):
            self._blocks.append((self._file.seek(0, 2), (nx, ny, n), block.dtype))
            self._file.write(np.ascontiguousarray(block).data)
            self._file.flush()

    def blocks(self) -> Iterator[np.ndarray]:
        """The blocks along z, as they were appended."""
        for offset, shape, dtype in self._blocks:
            yield self._read(offset, shape, dtype)

    def slabs(self, points: int = 2_000_000) -> Iterator[np.ndarray]:
        """The grid cut the other way: arrays (n, ny, nz) along x, of about `points` points each."""
        (nx, ny, _), nz = self._blocks[0][1], sum(shape[2] for _, shape, _ in self._blocks)
        step = max(1, points // (ny * nz))
        for start in range(0, nx, step):
            n = min(step, nx - start)
            parts = [
                self._read(offset + start * ny * shape[2] * dtype.itemsize, (n, ny, shape[2]), dtype)
                for offset, shape, dtype in self._blocks
            ]
            yield np.concatenate(parts, axis=2)

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def __enter__(self) -> BlockSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, offset: int, shape: Shape, dtype: np.dtype) -> np.ndarray:
        block = np.empty(shape, dtype)
        self._file.seek(offset)
        if self._file.readinto(block.data.cast("B")) != block.nbytes:  # type: ignore[attr-defined]
            raise OSError(f"temporary file ended early at byte {offset}")
        return block
