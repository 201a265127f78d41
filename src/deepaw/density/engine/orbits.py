"""Grid points that a crystal's space group maps onto one another have the same density: one of each is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

POSITION_TOLERANCE = 1e-5
"""A: how far an atom may be from where an operation puts it; spglib's own default."""


@dataclass(frozen=True)
class Orbits:
    """Points of a grid by orbit.

    representatives (o,): flat index (z fastest) of one point of every orbit, ascending; orbit (points,): the orbit
    of every point, so that a density is `values[orbit]` from the values of the representatives.
    """

    representatives: NDArray[np.int64]
    orbit: NDArray[np.int32]


def find_orbits(atoms: Atoms, shape: tuple[int, int, int], rotations: bool = True) -> Orbits | None:
    """The orbits of a grid under the space-group operations that map it onto itself.

    Args:
        atoms: a crystal; anything not periodic along three directions has no space group.
        shape: of the grid, whose point (i, j, k) lies at (i / nx) a + (j / ny) b + (k / nz) c.
        rotations: False admits pure translations only, for models that are not invariant under rotations.

    Returns:
        None where no operation but the identity is left.
    """
    if not atoms.pbc.all():
        return None
    operations = grid_operations(atoms, shape, rotations)
    if len(operations) < 2:
        return None
    count = int(np.prod(shape))
    index = np.arange(count, dtype=np.int32)
    images = [_map_grid(shape, rotation, shift) for rotation, shift in _generators(operations, shape)]
    graph = coo_matrix(
        (
            np.ones(count * len(images), dtype=bool),
            (np.tile(index, len(images)), np.concatenate(images)),
        ),
        shape=(count, count),
    )
    number, label = connected_components(graph, directed=False)
    # orbits numbered by their first point, so that representatives ascend
    first = np.full(number, count, dtype=np.int64)
    np.minimum.at(first, label, index)
    order = np.argsort(first)
    rank = np.empty(number, dtype=np.int32)
    rank[order] = np.arange(number, dtype=np.int32)
    return Orbits(first[order], rank[label])


Operation = tuple[NDArray[np.int64], NDArray[np.int64]]


def grid_operations(atoms: Atoms, shape: tuple[int, int, int], rotations: bool) -> list[Operation]:
    """Operations i -> (R i + s) mod shape on grid indices: integer R (3, 3) and s (3,), the identity first.

    An operation x -> W x + w on fractional coordinates maps the grid onto itself where n_a W_ab / n_b and n_a w_a are
    integers for all axes a, b.
    """
    sizes = np.array(shape)
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    symmetry = spglib.get_symmetry(cell, symprec=POSITION_TOLERANCE)
    if symmetry is None:
        return []
    found: list[Operation] = []
    identity = np.eye(3, dtype=np.int64)
    for rotation, translation in zip(symmetry["rotations"], symmetry["translations"], strict=True):
        if not rotations and not np.array_equal(rotation, identity):
            continue
        scaled = sizes[:, None] * rotation
        shift = np.round(translation * sizes)
        off = np.linalg.norm((translation - shift / sizes) @ atoms.cell.array)
        if (scaled % sizes).any() or off > 2 * POSITION_TOLERANCE:
            continue
        found.append((scaled // sizes, shift.astype(np.int64) % sizes))
    return sorted(found, key=lambda o: (not np.array_equal(o[0], identity), tuple(o[1])))


def _generators(operations: list[Operation], shape: tuple[int, int, int]) -> list[Operation]:
    """A few operations whose products are all of them: every new one at least doubles the group they make."""
    sizes = np.array(shape)
    chosen: list[Operation] = []
    group: dict[bytes, Operation] = {}
    identity = (np.eye(3, dtype=np.int64), np.zeros(3, dtype=np.int64))
    for operation in operations:
        if not group:
            group[_key(identity)] = identity
        if _key(operation) in group:
            continue
        chosen.append(operation)
        group = {_key(identity): identity}
        frontier = [identity]
        while frontier:
            grown = []
            for rotation, shift in frontier:
                for left, move in chosen:
                    product = (left @ rotation, (left @ shift + move) % sizes)
                    if _key(product) not in group:
                        group[_key(product)] = product
                        grown.append(product)
            frontier = grown
    return chosen


def _key(operation: Operation) -> bytes:
    return operation[0].tobytes() + operation[1].tobytes()


def _map_grid(shape: tuple[int, int, int], rotation: NDArray[np.int64], shift: NDArray[np.int64]) -> NDArray[np.int32]:
    """Flat index of the image of every point."""
    flat = np.zeros(shape, dtype=np.int32)
    for axis in range(3):
        terms = [
            (rotation[axis, other] * np.arange(shape[other]))
            .astype(np.int32)
            .reshape([-1 if k == other else 1 for k in range(3)])
            for other in range(3)
        ]
        flat *= shape[axis]
        flat += (terms[0] + terms[1] + terms[2] + np.int32(shift[axis])) % np.int32(shape[axis])
    return flat.ravel()
