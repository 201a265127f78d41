"""What every model of tensors must satisfy, whatever it is made of.

Inherit `TensorPhysics` in a test file and give a fixture `model`: a `TensorModel` in float64 with smooth activations,
such as `random_tensor_model` makes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.exact_tensors import TensorEvaluation
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.native import load_model
from deepaw.potential.training.batch import frame_geometry, make_batch
from deepaw.potential.training.tensor_step import predict_tensors
from potential.physics import Structure, crowd, frame_of, parameters, same


def random_tensor_model(config: ModelConfig, seed: int = 1, fixed_slots: bool = False) -> TensorModel:
    """Random weights; statistics, shifts and averages of parameters that each matter."""
    generator = torch.Generator().manual_seed(seed)
    model = TensorModel(config, fixed_slots=fixed_slots, generator=generator)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)

    for part in model.descriptor.parts:
        davg, dstd = torch.zeros_like(part.davg), uniform(0.2, 0.5, *part.dstd.shape)
        davg[:, 0] = uniform(0.05, 0.3, len(davg))
        dstd[:, 2:] = dstd[:, 1:2]
        part.with_statistics(davg, dstd)
    if isinstance(model.fitting, PolarFitting) and model.fitting.config.shift_diag:
        model.fitting.shift.copy_(uniform(0.5, 2, len(config.type_map)))
    for name in ("fparam", "aparam"):
        getattr(model.fitting, f"{name}_mean").fill_(0.3)
        getattr(model.fitting, f"{name}_scale").fill_(1.6)
    return model


def evaluate(
    engine: TensorEngine, structure: Structure, weights: np.ndarray | None = None, atomic_virial: bool = False
) -> TensorEvaluation:
    """By an engine, with the parameters that its model asks for."""
    return engine.evaluate(frame_of(engine.model, structure), weights=weights, atomic_virial=atomic_virial)


def turned(tensors: torch.Tensor, matrix: np.ndarray) -> torch.Tensor:
    """Vectors (n, 3) or matrices (n, 3, 3) under x -> matrix x."""
    Q = torch.from_numpy(matrix)
    return tensors @ Q.T if tensors.ndim == 2 else Q @ tensors @ Q.T


class TensorPhysics:
    """The suite. relative: how well equal numbers must agree; single: how well float32 agrees with float64."""

    relative = 1e-9
    single = 1e-3

    @pytest.fixture
    def engine(self, model: TensorModel) -> TensorEngine:
        return TensorEngine(model)

    @pytest.fixture
    def structure(self, model: TensorModel) -> Structure:
        return crowd(len(model.type_map))

    @pytest.fixture
    def weights(self, model: TensorModel) -> np.ndarray:
        """Of two sums."""
        return np.random.default_rng(5).normal(size=(2, 7, *model.shape))

    @pytest.mark.parametrize("seed", [1, 2, None])
    def test_tensors_turn_with_the_structure(
        self, engine: TensorEngine, structure: Structure, seed: int | None
    ) -> None:
        """Dipoles as vectors, polarizabilities as matrices; without a seed under inversion, and a reflection."""
        matrix = np.diag([1.0, -1.0, 1.0]) if seed is None else Rotation.random(random_state=seed).as_matrix()
        for change in (matrix, -matrix):
            before, after = (evaluate(engine, each).atom_tensor for each in (structure, structure.linear(change)))
            same(after, turned(before, change), self.relative)

    def test_matrices_are_symmetric(self, engine: TensorEngine, structure: Structure) -> None:
        found = evaluate(engine, structure).atom_tensor
        if found.ndim == 3:
            same(found.transpose(1, 2), found, 1e-12)

    def test_only_selected_atoms_have_a_tensor(self, engine: TensorEngine, structure: Structure) -> None:
        found = evaluate(engine, structure).atom_tensor.flatten(1).abs().amax(dim=1).numpy()
        selected = np.isin(structure.types, engine.model.selected)
        assert (found[selected] > 0).all() and (found[~selected] == 0).all()

    def test_nothing_depends_on_where_the_atoms_are_put(self, engine: TensorEngine, structure: Structure) -> None:
        shifts = np.random.default_rng(4).integers(-3, 4, structure.coord.shape)
        other = np.array([[1, 0, 0], [1, 1, 0], [-1, 2, -1]])
        before = evaluate(engine, structure).atom_tensor
        for moved in (
            structure.moved(np.array([0.7, -11.3, 5.9])),
            structure.moved(shifts @ structure.cells),
            replace(structure, cell=other @ structure.cells),
        ):
            same(evaluate(engine, moved).atom_tensor, before, self.relative)

    def test_a_molecule_is_the_crystal_in_a_large_box(self, engine: TensorEngine, structure: Structure) -> None:
        boxed = replace(structure, cell=(12 + engine.model.rcut) * np.eye(3))
        alone = evaluate(engine, replace(structure, cell=None)).atom_tensor
        same(alone, evaluate(engine, boxed).atom_tensor, self.relative)

    def test_permutation(self, engine: TensorEngine, structure: Structure, weights: np.ndarray) -> None:
        order = np.random.default_rng(2).permutation(len(structure.types))
        before = evaluate(engine, structure, weights, atomic_virial=True)
        after = evaluate(engine, structure[order], weights[:, order], atomic_virial=True)
        same(after.atom_tensor, before.atom_tensor[order], self.relative)
        same(after.force, before.force[:, order], self.relative)
        same(after.virial, before.virial, self.relative)
        assert before.atom_virial is not None and after.atom_virial is not None
        same(after.atom_virial, before.atom_virial[:, order], self.relative)

    def test_a_supercell_is_its_cells(self, engine: TensorEngine, structure: Structure) -> None:
        repeats = np.array([2, 1, 3])
        shifts = np.array(list(np.ndindex(*repeats))) @ structure.cells
        natoms = len(structure.types)
        large = structure[np.tile(np.arange(natoms), len(shifts))].moved(np.repeat(shifts, natoms, axis=0))
        before = evaluate(engine, structure).atom_tensor
        after = evaluate(engine, replace(large, cell=repeats[:, None] * structure.cells)).atom_tensor
        same(after, torch.cat([before] * len(shifts)), self.relative)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_forces_and_virials_are_derivatives_of_the_sums(
        self, engine: TensorEngine, structure: Structure, weights: np.ndarray, periodic: bool
    ) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        found = evaluate(engine, structure, weights, atomic_virial=True)

        def sums(moved: Structure) -> np.ndarray:
            tensors = evaluate(engine, moved).atom_tensor.numpy()
            return (weights * tensors).reshape(len(weights), -1).sum(axis=1)

        step = 1e-4
        for atom, axis in ((0, 0), (3, 1), (6, 2)):
            change = np.zeros_like(structure.coord)
            change[atom, axis] = step
            expected = -(sums(structure.moved(change)) - sums(structure.moved(-change))) / (2 * step)
            assert np.abs(found.force[:, atom, axis].numpy() - expected).max() < 1e-6 * float(found.force.abs().max())
        for i, j in ((0, 0), (1, 2), (2, 0)):
            strain = np.zeros((3, 3))
            strain[i, j] = 1e-5
            ends = [sums(structure.linear(np.eye(3) + sign * strain)) for sign in (1, -1)]
            expected = -(ends[0] - ends[1]) / 2e-5
            assert np.abs(found.virial[:, i, j].numpy() - expected).max() < 1e-6 * float(found.virial.abs().max())
        assert found.atom_virial is not None
        same(found.atom_virial.sum(1), found.virial, 1e-12)
        assert float(found.force.sum(1).abs().max()) < 1e-12 * float(found.force.abs().max())

    def test_smooth_where_a_neighbour_crosses_a_cutoff(self, engine: TensorEngine) -> None:
        types = np.array([0, len(engine.model.type_map) - 1, 0])
        for part in engine.model.descriptor.parts:
            for place in (part.config.rcut_smth, part.config.rcut):

                def pair(distance: float) -> torch.Tensor:
                    coord = np.array([[0, 0, 0], [0, 0, distance], [1.2, 0.3, -0.2]])
                    return evaluate(engine, Structure(types, coord, None, np.ones((3, 2)))).atom_tensor

                same(pair(place - 1e-6), pair(place + 1e-6), 1e-5)

    def test_tiles_are_the_whole(
        self, engine: TensorEngine, structure: Structure, weights: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = evaluate(engine, structure, weights, atomic_virial=True)
        monkeypatch.setattr("deepaw.potential.engine.base.TILE_SLOTS", 1)
        tiles = evaluate(engine, structure, weights, atomic_virial=True)
        for name in ("atom_tensor", "force", "virial", "atom_virial"):
            same(getattr(tiles, name), getattr(whole, name), 1e-12)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_the_spectral_form_is_the_exact_one(
        self, model: TensorModel, structure: Structure, weights: np.ndarray, periodic: bool
    ) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        exact = evaluate(TensorEngine(model, "exact"), structure, weights, atomic_virial=True)
        for precision, limit in (("float64", 1e-8), ("float32", self.single)):
            found = evaluate(TensorEngine(model, precision), structure, weights, atomic_virial=True)
            for name in ("atom_tensor", "force", "virial", "atom_virial"):
                same(getattr(found, name), getattr(exact, name), limit)

    def test_saved_and_loaded(self, model: TensorModel, structure: Structure, tmp_path: Path) -> None:
        model.save(tmp_path / "model.safetensors")
        loaded = load_model(tmp_path / "model.safetensors")
        assert isinstance(loaded, TensorModel) and loaded.config == model.config
        before, after = (evaluate(TensorEngine(each), structure).atom_tensor for each in (model, loaded))
        assert torch.equal(before, after)

    def test_a_batch_is_its_frames(self, model: TensorModel) -> None:
        """What training predicts of several frames together is what the engine and the equations say of each."""
        structures = self._frames(model)
        found = self._predict(model, structures).detach()
        first = 0
        for structure in structures:
            last = first + len(structure.types)
            for precision in ("float64", "exact"):
                same(found[first:last], evaluate(TensorEngine(model, precision), structure).atom_tensor, 1e-9)
            first = last

    def test_gradient_in_the_weights(self, model: TensorModel) -> None:
        """Of a sum of squares, each parameter that matters along a random direction."""
        structures = self._frames(model)
        generator = torch.Generator().manual_seed(3)

        def loss() -> torch.Tensor:
            return self._predict(model, structures).square().sum()

        parameters = list(model.parameters())
        gradients = torch.autograd.grad(loss(), parameters, allow_unused=True, materialize_grads=True)
        largest = max(float(gradient.norm()) for gradient in gradients)
        assert largest > 0
        step = 1e-5
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            values = []
            for sign in (1, -2, 1):
                with torch.no_grad():
                    parameter += sign * step * direction
                values.append(float(loss().detach()))
            expected = (values[0] - values[1]) / (2 * step)
            assert abs(float((gradient * direction).sum()) - expected) < 1e-6 * largest

    def _frames(self, model: TensorModel) -> list[Structure]:
        """Of different sizes and compositions, with a cell or without."""
        ntypes = len(model.type_map)
        return [crowd(ntypes), crowd(ntypes, 4, 1, periodic=False), crowd(ntypes, 6, 2), crowd(ntypes, 3, 3)]

    def _predict(self, model: TensorModel, structures: list[Structure]) -> torch.Tensor:
        """Atoms in the order of the structures."""
        forms = [part.form(0.8, 48) for part in model.descriptor.parts]
        batch = make_batch([frame_geometry(model, forms, each.types, each.coord, each.cell) for each in structures])
        beside = parameters([frame_of(model, each) for each in structures], batch.atoms)
        return predict_tensors(model, batch, forms, **beside)[torch.argsort(batch.atoms)]
