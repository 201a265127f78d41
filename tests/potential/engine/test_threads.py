"""Evaluations on two threads equal those on one thread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from deepaw.native.library import find_library
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.exact import Evaluation
from potential.engine.test_engine import SE_A, SE_R, model
from potential.structures import Structure, assert_agree, crowd, evaluate

ATTENTION = {
    "type": "se_atten",
    "rcut": 3.0,
    "rcut_smth": 1.0,
    "sel": 30,
    "neuron": [4, 8],
    "axis_neuron": 3,
    "attn": 5,
    "attn_layer": 1,
    "smooth_type_embedding": True,
}
DESCRIPTORS = {
    "one part": SE_A,
    "hybrid": {"type": "hybrid", "list": [SE_A, SE_R]},
    "attention": ATTENTION,
}


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def supercell() -> Structure:
    """Return a structure with several tiles of each type."""
    structure = crowd(2, natoms=9)
    shifts = np.array(list(np.ndindex(4, 4, 4))) @ structure.cells
    atoms = np.tile(np.arange(9), len(shifts))
    coord = structure.coord[atoms] + np.repeat(shifts, 9, axis=0)
    coord += np.random.default_rng(1).normal(0, 0.05, coord.shape)
    return Structure(structure.types[atoms], coord, 4 * structure.cells, structure.aparam[atoms])


@pytest.mark.parametrize("library", ["compiled", "torch"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", DESCRIPTORS)
def test_two_threads(name: str, precision: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Energies are equal bit for bit; forces and virials are summed in another order."""
    if library == "torch":
        for module in ("pairs.choice", "pairs.forces", "neighbours.celllist"):
            monkeypatch.setattr(f"deepaw.potential.{module}.find_library", lambda: None)
    elif find_library() is None:
        pytest.skip("the compiled library was not built")
    potential, structure = model(DESCRIPTORS[name]), supercell()
    results: list[Evaluation] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(evaluate(PotentialEngine(potential, precision), structure, atomic_virial=True))
        assert torch.get_num_threads() == threads
    one, two = results
    assert torch.equal(one.atom_energy, two.atom_energy)
    for field in ("energy", "force", "virial", "atom_virial"):
        assert_agree(getattr(two, field), getattr(one, field), 1e-12)


def test_again_on_two_threads() -> None:
    """Results do not depend on which thread finishes first."""
    torch.set_num_threads(2)
    engine, structure = PotentialEngine(model(SE_A)), supercell()
    first = evaluate(engine, structure)
    for _ in range(5):
        again = evaluate(engine, structure)
        assert torch.equal(again.force, first.force) and torch.equal(again.energy, first.energy)
