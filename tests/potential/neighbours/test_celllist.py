"""Neighbour lists of the compiled library and of vesin, against a search over all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from deepaw.native.library import find_library
from deepaw.potential.neighbours.celllist import NeighbourList, find_neighbours
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import NeighbourTable

CUTOFF = 3.0
TRICLINIC = np.array([[5.3, 0.2, -0.1], [1.9, 5.1, 0.3], [-1.7, 2.8, 4.4]])
NTYPES = 3


@dataclass(frozen=True)
class Atoms:
    """Atoms of one frame or several, sorted by type; frame: of each atom."""

    coord: np.ndarray
    types: np.ndarray
    cells: Sequence[np.ndarray | None]
    periodic: Sequence[Sequence[bool]]
    frame: np.ndarray

    @property
    def natoms(self) -> int:
        return len(self.coord)


def atoms_in(
    cell: np.ndarray | None, natoms: int, *, seed: int = 0, periodic: Sequence[bool] = (True, True, True), far: int = 0
) -> Atoms:
    """Random atoms in a cell, or in a box of 6 A without one, moved by up to `far` lattice vectors."""
    random = np.random.default_rng(seed)
    box = 6 * np.eye(3) if cell is None else cell
    box = np.where(np.abs(box).sum(1, keepdims=True) == 0, 6 * np.eye(3), box)
    fractions = random.random((natoms, 3))
    fractions += np.where(periodic, random.integers(-far, far + 1, (natoms, 3)), 0)
    types = np.sort(random.integers(0, NTYPES, natoms))
    return Atoms(fractions @ box, types, [cell], [periodic], np.zeros(natoms, dtype=np.int64))


def join(frames: Sequence[Atoms]) -> Atoms:
    """Join frames, sorted by type."""
    types = np.concatenate([frame.types for frame in frames])
    order = np.argsort(types, kind="stable")
    number = np.repeat(np.arange(len(frames)), [frame.natoms for frame in frames])
    return Atoms(
        np.concatenate([frame.coord for frame in frames])[order],
        types[order],
        [frame.cells[0] for frame in frames],
        [frame.periodic[0] for frame in frames],
        number[order],
    )


CASES = {
    "large cell": atoms_in(9 * np.eye(3) + 0.1, 60),
    "triclinic": atoms_in(TRICLINIC, 20),
    "left-handed": atoms_in(TRICLINIC[[1, 0, 2]], 20),
    "shorter than the cutoff": atoms_in(np.diag([1.3, 2.1, 7.0]), 4),
    "much shorter than the cutoff": atoms_in(0.2 * TRICLINIC, 1),
    "flat": atoms_in(np.array([[20.0, 0, 0], [0, 1.1, 0], [0, 19.8, 1.2]]), 7),
    "no cell": atoms_in(None, 30),
    "slab": atoms_in(TRICLINIC, 15, periodic=(True, True, False)),
    "slab along another direction": atoms_in(TRICLINIC, 15, periodic=(False, True, True)),
    "wire": atoms_in(TRICLINIC, 15, periodic=(False, True, False)),
    "wire in a short cell": atoms_in(0.4 * TRICLINIC, 3, periodic=(True, False, False)),
    "cell without periods": atoms_in(TRICLINIC, 15, periodic=(False, False, False)),
    "slab without a third vector": atoms_in(np.diag([3.1, 4.2, 0.0]), 9, periodic=(True, True, False)),
    "wire without other vectors": atoms_in(np.diag([0.0, 2.2, 0.0]), 9, periodic=(False, True, False)),
    "far outside": atoms_in(TRICLINIC, 20, far=1000),
    "slab, far outside": atoms_in(0.6 * TRICLINIC, 9, periodic=(True, False, True), far=30),
    "one atom": atoms_in(2.5 * np.eye(3), 1),
    "one atom, no cell": atoms_in(None, 1),
    "no pairs": replace(atoms_in(None, 3), coord=np.diag([0.0, 50.0, 100.0])),
    "no pairs in a cell": atoms_in(40 * np.eye(3), 1),
    "several frames": join(
        [
            atoms_in(TRICLINIC, 12, seed=1),
            atoms_in(None, 9, seed=2),
            atoms_in(0.5 * TRICLINIC, 3, seed=3, far=4),
            atoms_in(TRICLINIC, 7, seed=4, periodic=(True, False, True)),
            atoms_in(None, 1, seed=5),
        ]
    ),
}


@pytest.fixture(params=["compiled", "vesin"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "vesin":
        monkeypatch.setattr("deepaw.potential.neighbours.celllist.find_library", lambda: None)
    elif find_library() is None:
        pytest.skip("the compiled library was not built")
    return str(request.param)


def list_of(atoms: Atoms, cutoff: float = CUTOFF) -> NeighbourList:
    return find_neighbours(atoms.coord, atoms.types, NTYPES, cutoff, atoms.cells, atoms.periodic, atoms.frame)


def all_pairs(atoms: Atoms, cutoff: float = CUTOFF) -> np.ndarray:
    """Find centre, neighbour and vector of all pairs, (npairs, 5), over all images that can be within the cutoff."""
    rows = []
    for number, (cell, periodic) in enumerate(zip(atoms.cells, atoms.periodic, strict=True)):
        members = np.flatnonzero(atoms.frame == number)
        coord = atoms.coord[members]
        box, along = np.zeros((3, 3)), np.zeros(3, dtype=bool)
        if cell is not None:
            box, along = cell, np.array(periodic)
        inverse = np.linalg.pinv(box[along])  # (3, periods)
        reach = np.zeros(3, dtype=int)
        if along.any():
            spread = np.ptp(coord @ inverse, axis=0)
            reach[along] = np.ceil(spread + cutoff * np.linalg.norm(inverse, axis=0)) + 1
        base = np.zeros((len(members), 3))
        if along.any():  # whole numbers of periods taken out, so that few images have to be looked at
            base[:, along] = np.floor(coord @ inverse)
            reach[along] = np.ceil(1 + cutoff * np.linalg.norm(inverse, axis=0)) + 1
        inside = coord - base @ np.where(along[:, None], box, 0)
        images = np.array(list(np.ndindex(*(2 * reach + 1)))) - reach
        for image in images:
            vector = inside[None] + image @ np.where(along[:, None], box, 0) - inside[:, None]
            close = np.linalg.norm(vector, axis=2) <= cutoff
            if not image.any():
                close &= ~np.eye(len(members), dtype=bool)
            centre, neighbour = np.nonzero(close)
            rows.append(np.column_stack([members[centre], members[neighbour], vector[centre, neighbour]]))
    return np.concatenate(rows)


def in_order(pairs: np.ndarray) -> np.ndarray:
    """Sort pairs by centre, neighbour and the position of the neighbour along a generic direction."""
    return pairs[np.lexsort((pairs[:, 2:] @ [0.577, 0.213, 0.789], pairs[:, 1], pairs[:, 0]))]


def assert_pairs(table: NeighbourTable, expected: np.ndarray, tolerance: float = 1e-10) -> None:
    vector = table.vector.double()
    actual = np.column_stack([(table.centre + table.first).numpy(), table.neighbour.numpy(), vector.T.numpy()])
    assert len(actual) == len(expected)
    np.testing.assert_allclose(in_order(actual), in_order(expected), rtol=0, atol=tolerance)


def assert_grouped(table: NeighbourTable, types: np.ndarray) -> None:
    """Check that neighbours have the types of their rows."""
    assert len(table.rows) == table.natoms * NTYPES + 1
    assert table.rows[0] == 0 and table.rows[-1] == len(table.neighbour) == table.vector.shape[1]
    assert torch.equal(table.neighbour_types, torch.from_numpy(types)[table.neighbour.long()])


@pytest.mark.parametrize("name", CASES)
def test_all_pairs_within_the_cutoff(name: str) -> None:
    atoms = CASES[name]
    neighbours = list_of(atoms)
    table = neighbours.table(CUTOFF)
    assert_pairs(table, all_pairs(atoms), 1e-10 if "far" not in name else 1e-9)
    assert_grouped(table, atoms.types)
    assert torch.equal(neighbours.counts, table.counts) and neighbours.natoms == atoms.natoms
    assert torch.equal(neighbours.neighbour, table.neighbour)
    assert table.neighbour.dtype == torch.int32 and table.rows.dtype == table.types.dtype == torch.int64
    assert torch.equal(table.types, torch.from_numpy(atoms.types))


@pytest.mark.parametrize("name", CASES)
def test_the_shortest_distance(name: str) -> None:
    atoms = CASES[name]
    pairs = all_pairs(atoms)
    distance, pair = list_of(atoms).shortest()
    if len(pairs) == 0:
        assert distance == float("inf")
        return
    lengths = np.linalg.norm(pairs[:, 2:], axis=1)
    assert distance == pytest.approx(lengths.min(), abs=1e-9)
    candidates = pairs[lengths < lengths.min() + 1e-9, :2].astype(int).tolist()
    assert list(pair) in candidates


@pytest.mark.parametrize("name", CASES)
def test_atoms_that_moved_less_than_half_the_skin(name: str) -> None:
    """A list with the larger cutoff gathers exactly the pairs within the smaller one after a move."""
    atoms, skin = CASES[name], 0.8
    neighbours = list_of(atoms, CUTOFF + skin)
    random = np.random.default_rng(7)
    for _ in range(3):
        change = random.normal(size=atoms.coord.shape)
        change *= 0.49 * skin / np.linalg.norm(change, axis=1, keepdims=True)
        moved = replace(atoms, coord=atoms.coord + change)
        neighbours.move(moved.coord)
        table = neighbours.table(CUTOFF)
        expected = all_pairs(moved)
        assert_pairs(table, expected, 1e-9)
        assert_grouped(table, atoms.types)
        if len(expected):
            lengths = np.linalg.norm(expected[:, 2:], axis=1)
            assert neighbours.shortest()[0] == pytest.approx(lengths.min(), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["triclinic", "several frames", "no pairs"])
def test_some_of_the_atoms(name: str, dtype: torch.dtype) -> None:
    atoms = CASES[name]
    neighbours = list_of(atoms, CUTOFF + 1)
    all_atoms = neighbours.table(CUTOFF)
    for first, last in ((0, atoms.natoms), (1, 2), (atoms.natoms // 2, atoms.natoms), (2, 2)):
        actual, expected = neighbours.gather(first, last, CUTOFF, dtype), all_atoms.share(first, last)
        assert actual.vector.dtype == dtype and actual.first == first
        for field in ("types", "rows", "neighbour"):
            assert torch.equal(getattr(actual, field), getattr(expected, field))
        assert torch.equal(actual.vector, expected.vector.to(dtype))


def test_by_default_a_cell_is_periodic() -> None:
    for name in ("triclinic", "no cell"):
        atoms = CASES[name]
        neighbours = find_neighbours(atoms.coord, atoms.types, NTYPES, CUTOFF, atoms.cells)
        assert_pairs(neighbours.table(CUTOFF), all_pairs(atoms))


def test_a_cutoff_far_beyond_the_atoms() -> None:
    atoms = CASES["no cell"]
    neighbours = list_of(atoms, 1e6)
    assert (neighbours.counts.sum(1) == atoms.natoms - 1).all()
    neighbours.move(100 * atoms.coord)
    assert len(neighbours.table(1e6).neighbour) == atoms.natoms * (atoms.natoms - 1)


def test_lists_live_as_long_as_what_is_made_of_them() -> None:
    """Rows and neighbours that outlive a list, and tables made after many lists."""
    atoms = CASES["triclinic"]
    expected = list_of(atoms).table(CUTOFF)
    tables = [list_of(atoms).table(CUTOFF) for _ in range(50)]
    for table in tables:
        assert torch.equal(table.neighbour, expected.neighbour) and torch.equal(table.vector, expected.vector)


def test_several_threads_give_the_same_list() -> None:
    atoms = atoms_in(40 * np.eye(3), 6000, seed=3)
    before = torch.get_num_threads()
    tables = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            tables.append(list_of(atoms).table(CUTOFF))
        finally:
            torch.set_num_threads(before)
    one, other = tables
    assert len(one.neighbour) > 6000
    assert torch.equal(one.rows, other.rows)
    pairs = [np.column_stack([t.centre.numpy(), t.neighbour.numpy(), t.vector.T.numpy()]) for t in tables]
    np.testing.assert_array_equal(in_order(pairs[0]), in_order(pairs[1]))


def test_an_environment_of_atoms_in_any_order() -> None:
    atoms = CASES["triclinic"]
    order = np.random.default_rng(2).permutation(atoms.natoms)
    env = find_environment(atoms.coord[order], atoms.cells[0], atoms.types[order], CUTOFF)
    assert torch.equal(env.types, torch.from_numpy(atoms.types[order]))
    actual = np.column_stack([order[env.centre.numpy()], order[env.neighbour.numpy()], env.vector.numpy()])
    np.testing.assert_allclose(in_order(actual), in_order(all_pairs(atoms)), rtol=0, atol=1e-10)
