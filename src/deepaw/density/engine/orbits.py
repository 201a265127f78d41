"""Grid points that a crystal's space group maps onto one another have the same density: one of each is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray

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
    # the smallest index in the orbit under a subgroup, for larger and larger subgroups
    first = np.arange(int(np.prod(shape)), dtype=np.int32)
    for cosets in _coset_chain(operations, shape):
        smallest = first.copy()
        for rotation, shift in cosets:
            np.minimum(smallest, first[_map_grid(shape, rotation, shift)], out=smallest)
        first = smallest
    chosen = first == np.arange(len(first), dtype=np.int32)
    rank = np.cumsum(chosen, dtype=np.int32) - np.int32(1)
    return Orbits(np.flatnonzero(chosen), rank[first])


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


def _coset_chain(operations: list[Operation], shape: tuple[int, int, int]) -> list[list[Operation]]:
    """A chain of subgroups 1 < H1 < H2 < ... ending with all operations, each given by what it adds to the last.

    For H in H' these are operations t_j with H' = H + H t_1 + H t_2 + ...: the orbit of x under H' consists of the
    orbits under H of x, t_1 x, t_2 x, ... That takes a handful of operations where the group has up to 192.
    """
    sizes = np.array(shape)

    def multiply(a: Operation, b: Operation) -> Operation:
        return a[0] @ b[0], (a[0] @ b[1] + a[1]) % sizes

    identity = (np.eye(3, dtype=np.int64), np.zeros(3, dtype=np.int64))
    group = {_key(identity): identity}
    chosen: list[Operation] = []
    chain: list[list[Operation]] = []
    for operation in operations:
        if _key(operation) in group:
            continue
        chosen.append(operation)
        larger, frontier = dict(group), list(group.values())
        while frontier:
            products = [multiply(left, right) for right in frontier for left in chosen]
            grown = {_key(product): product for product in products if _key(product) not in larger}
            larger.update(grown)
            frontier = list(grown.values())
        covered, cosets = set(group), []
        for key, element in larger.items():
            if key not in covered:
                cosets.append(element)
                covered |= {_key(multiply(member, element)) for member in group.values()}
        chain.append(cosets)
        group = larger
    return chain


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
