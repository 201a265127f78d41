"""Checks for cells and coordinates of which no neighbour list can be made."""

from __future__ import annotations

import numpy as np

from deepaw.structure.checks import FARTHEST_COORDINATE, SMALLEST_HEIGHT

NOT_FINITE = "a number that is not finite (NaN or infinite)"


def cell_faults(cells: np.ndarray) -> dict[int, str]:
    """Find cells that are not finite, have no volume, are too thin or too long.

    cells: (n, 3, 3), A. Returns a phrase for each of them, by index.
    """
    finite = np.isfinite(cells).all(axis=(1, 2))
    safe = np.where(finite[:, None, None], cells, np.eye(3))
    lengths = np.linalg.norm(safe, axis=2)
    volumes = np.abs(np.linalg.det(safe))
    flat = ~(volumes > 1e-6 * np.prod(lengths, axis=1))
    faces = np.linalg.norm(np.cross(safe[:, [1, 2, 0]], safe[:, [2, 0, 1]]), axis=2)
    heights = (volumes[:, None] / np.maximum(faces, 1e-300)).min(axis=1)
    faults = {}
    thin, long = heights < SMALLEST_HEIGHT, lengths.max(axis=1) > FARTHEST_COORDINATE
    for index in np.flatnonzero(~finite | flat | thin | long):
        if not finite[index]:
            faults[int(index)] = NOT_FINITE
        elif flat[index]:
            faults[int(index)] = "a cell of zero volume"
        elif thin[index]:
            faults[int(index)] = f"a cell only {heights[index]:.3g} A high, less than {SMALLEST_HEIGHT:g}"
        else:
            longest = lengths[index].max()
            faults[int(index)] = f"a cell vector of {longest:.3g} A, more than {FARTHEST_COORDINATE:g}"
    return faults


def coord_faults(coord: np.ndarray) -> dict[int, str]:
    """Find frames with coordinates that are not finite or absurdly far from the origin.

    coord: (n, natoms, 3), A. Returns a phrase for each of them, by index.
    """
    farthest = np.abs(coord).max(axis=(1, 2))
    faults = {}
    for index in np.flatnonzero(~(farthest <= FARTHEST_COORDINATE)):
        is_finite = np.isfinite(farthest[index])
        too_far = f"a coordinate of {farthest[index]:.3g} A, beyond {FARTHEST_COORDINATE:g}"
        faults[int(index)] = too_far if is_finite else NOT_FINITE
    return faults
