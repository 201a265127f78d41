"""Physics tests common to models of energies and of tensors: symmetries, derivatives, and consistency of engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from deepaw.potential.engine.base import Engine
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.nativefile import load_model
from deepaw.potential.training.batch import Batch, make_batch
from potential.structures import Structure, crowd, data_frame, evaluate, frame_of, parameters, same

POLYNOMIALS = 96
"""Polynomials of spectral forms in training; enough for random weights."""


class ModelPhysics:
    """Base class of the test suites; subclasses give `engine_class` and `fields`.

    tolerance: relative, of equal numbers. float32_tolerance: relative, of float32 against float64.
    engine_class: class of the engine. fields: quantities of its results, and their axis of atoms or None.
    """

    tolerance = 1e-9
    float32_tolerance = 1e-3
    engine_class: ClassVar[type[Engine[Any, Any]]]
    fields: ClassVar[dict[str, int | None]]

    def evaluate_fully(self, engine: Any, structure: Structure) -> Any:
        """Evaluate a structure with derivatives and atomic virials."""
        raise NotImplementedError

    def weighted_sums(self, engine: Any, structure: Structure) -> np.ndarray:
        """Return the sums (n,) whose derivatives are the forces (n, natoms, 3) and virials (n, 3, 3)."""
        raise NotImplementedError

    @pytest.fixture
    def engine(self, model: Any) -> Any:
        return self.engine_class(model)

    @pytest.fixture
    def structure(self, model: AtomicModel) -> Structure:
        return crowd(len(model.type_map))

    def test_translation(self, engine: Any, structure: Structure) -> None:
        self._check_unchanged(engine, structure, structure.moved(np.array([0.7, -11.3, 5.9])))

    def test_atoms_moved_by_lattice_vectors(self, engine: Any, structure: Structure) -> None:
        shifts = np.random.default_rng(4).integers(-3, 4, structure.coord.shape)
        self._check_unchanged(engine, structure, structure.moved(shifts @ structure.cells))

    def test_another_cell_of_the_same_lattice(self, engine: Any, structure: Structure) -> None:
        other = np.array([[1, 0, 0], [1, 1, 0], [-1, 2, -1]])
        self._check_unchanged(engine, structure, replace(structure, cell=other @ structure.cells))

    def test_a_molecule_is_the_crystal_in_a_large_box(self, engine: Any, structure: Structure) -> None:
        alone = replace(structure, cell=None)
        self._check_unchanged(engine, alone, replace(structure, cell=(12 + engine.model.rcut) * np.eye(3)))

    def _check_unchanged(self, engine: Any, structure: Structure, other: Structure) -> None:
        self.assert_agrees(self.evaluate_fully(engine, other), self.evaluate_fully(engine, structure))

    def test_permutation(self, engine: Any, structure: Structure) -> None:
        order = np.random.default_rng(2).permutation(len(structure.types))
        before, after = self.evaluate_fully(engine, structure), self.evaluate_fully(engine, structure[order])
        self.assert_agrees(after, before, atoms=order)

    def test_a_supercell_is_its_cells(self, engine: Any, structure: Structure) -> None:
        repeats = np.array([2, 1, 3])
        shifts = np.array(list(np.ndindex(*repeats))) @ structure.cells
        natoms = len(structure.types)
        atoms = np.tile(np.arange(natoms), len(shifts))
        large = structure[atoms].moved(np.repeat(shifts, natoms, axis=0))
        before = self.evaluate_fully(engine, structure)
        after = self.evaluate_fully(engine, replace(large, cell=repeats[:, None] * structure.cells))
        self.assert_agrees(after, before, atoms=atoms, times=len(shifts))

    def assert_agrees(
        self, found: Any, expected: Any, relative: float = 0, atoms: np.ndarray | None = None, times: int = 1
    ) -> None:
        """Compare all quantities.

        relative: tolerance, by default that of the suite. atoms: index of the expected atom of each atom.
        times: number of repetitions of the expected structure.
        """
        for name, axis in self.fields.items():
            values = getattr(expected, name)
            if axis is None:
                values = times * values
            elif atoms is not None:
                values = values.index_select(axis, torch.from_numpy(atoms))
            same(getattr(found, name), values, relative or self.tolerance)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_forces_are_the_gradient(self, engine: Any, structure: Structure, periodic: bool) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        natoms = len(structure.types)
        force = self.evaluate_fully(engine, structure).force.view(-1, natoms, 3).numpy()
        step = 1e-4
        for atom in (0, 3, 6):
            for axis in range(3):
                change = np.zeros_like(structure.coord)
                change[atom, axis] = step
                up, down = (self.weighted_sums(engine, structure.moved(sign * change)) for sign in (1, -1))
                assert np.abs(force[:, atom, axis] + (up - down) / (2 * step)).max() < 1e-6 * np.abs(force).max()

    @pytest.mark.parametrize("periodic", [True, False])
    def test_virial_is_minus_the_slope_with_strain(self, engine: Any, structure: Structure, periodic: bool) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        virial = self.evaluate_fully(engine, structure).virial.view(-1, 3, 3).numpy()
        step = 1e-5
        for i, j in ((0, 0), (1, 2), (2, 0), (2, 1)):
            strain = np.zeros((3, 3))
            strain[i, j] = step
            up, down = (self.weighted_sums(engine, structure.linear(np.eye(3) + sign * strain)) for sign in (1, -1))
            assert np.abs(virial[:, i, j] + (up - down) / (2 * step)).max() < 1e-6 * np.abs(virial).max()

    def test_no_net_force(self, engine: Any, structure: Structure) -> None:
        """The sum of forces is 0, and that of atomic virials is the virial."""
        found = self.evaluate_fully(engine, structure)
        assert float(found.force.sum(-2).abs().max()) < 1e-12 * float(found.force.abs().max())
        same(found.atom_virial.sum(-3), found.virial, 1e-12)

    def crossings(self, engine: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Evaluate a pair of atoms, near a third one, at distances just below and just above both ends of each
        switching function, and at 1 A."""
        types = np.array([0, len(engine.model.type_map) - 1, 0])

        def pair(distance: float) -> Any:
            coord = np.array([[0, 0, 0], [0, 0, distance], [1.2, 0.3, -0.2]])
            return evaluate(engine, Structure(types, coord, None, np.ones((3, 2))))

        for part in engine.model.descriptor.parts:
            for place in {getattr(part.config, "rcut_smth", part.rcut), part.rcut}:
                yield pair(place - 1e-6), pair(place + 1e-6), pair(1.0)

    def test_tiles_are_the_whole(self, engine: Any, structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = self.evaluate_fully(engine, structure)
        monkeypatch.setattr("deepaw.potential.engine.base.TILE_PAIRS", 1)
        self.assert_agrees(self.evaluate_fully(engine, structure), whole, 1e-12)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_the_spectral_form_is_the_exact_one(self, model: Any, structure: Structure, periodic: bool) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        exact = self.evaluate_fully(self.engine_class(model, "exact"), structure)
        for precision, limit in (("float64", 1e-8), ("float32", self.float32_tolerance)):
            self.assert_agrees(self.evaluate_fully(self.engine_class(model, precision), structure), exact, limit)

    def test_saved_and_loaded(self, model: AtomicModel, structure: Structure, tmp_path: Path) -> None:
        model.save(tmp_path / "model.safetensors")
        loaded = load_model(tmp_path / "model.safetensors")
        assert type(loaded) is type(model) and loaded.config == model.config
        before, after = (self.evaluate_fully(self.engine_class(each), structure) for each in (model, loaded))
        assert all(torch.equal(getattr(before, name), getattr(after, name)) for name in self.fields)

    def frames(self, model: AtomicModel) -> list[Structure]:
        """Return structures of different sizes and compositions, with a cell or without."""
        ntypes = len(model.type_map)
        return [crowd(ntypes), crowd(ntypes, 4, 1, periodic=False), crowd(ntypes, 6, 2), crowd(ntypes, 3, 3)]

    def batch(
        self, model: AtomicModel, structures: Sequence[Structure]
    ) -> tuple[Batch, list[Any], dict[str, torch.Tensor | None]]:
        """Return a training batch of structures, the kernels of the descriptor, and fparam and aparam of the atoms."""
        with torch.no_grad():
            kernels = [part.training_kernel(0.8, POLYNOMIALS) for part in model.descriptor.parts]
        frames = [frame_of(model, structure) for structure in structures]
        data = [data_frame(structure, frame.aparam) for structure, frame in zip(structures, frames, strict=True)]
        batch = make_batch(model, kernels, data)
        return batch, kernels, parameters(frames, batch.atoms)


def check_gradients(
    loss: Callable[[], torch.Tensor], weights: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]
) -> None:
    """Compare each gradient along a random direction with finite differences."""
    generator = torch.Generator().manual_seed(3)
    largest = max(float(gradient.norm()) for gradient in gradients)
    assert largest > 0
    step = 1e-5
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        values = []
        for change in (1, -2, 1):
            with torch.no_grad():
                weight += change * step * direction
            values.append(float(loss().detach()))
        expected = (values[0] - values[1]) / (2 * step)
        assert abs(float((gradient * direction).sum()) - expected) < 1e-6 * largest
