"""Physics tests of every tensor model.

Inherit `TensorPhysics` in a test file and give a fixture `model`: a `TensorModel` in float64 with smooth activations,
such as `random_tensor_model` makes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.exact_tensors import TensorEvaluation
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.training.tensor_step import predict_tensors
from potential.modelphysics import ModelPhysics, check_gradients
from potential.structures import Structure, evaluate, same


def rotated(tensors: torch.Tensor, matrix: np.ndarray) -> torch.Tensor:
    """Transform vectors (n, 3) or matrices (n, 3, 3) by x -> matrix x."""
    Q = torch.from_numpy(matrix)
    return tensors @ Q.T if tensors.ndim == 2 else Q @ tensors @ Q.T


class TensorPhysics(ModelPhysics):
    """Test suite of atomic tensors, and of two sums of them with the parameters of the atoms as weights."""

    engine_class = TensorEngine
    fields: ClassVar = {"atom_tensor": 0, "force": 1, "virial": None, "atom_virial": 1}

    def evaluate_fully(self, engine: TensorEngine, structure: Structure) -> TensorEvaluation:
        return evaluate(engine, structure, weights=self._weights(engine, structure), atomic_virial=True)

    def weighted_sums(self, engine: TensorEngine, structure: Structure) -> np.ndarray:
        weighted = self._weights(engine, structure) * evaluate(engine, structure).atom_tensor.numpy()
        return weighted.reshape(len(weighted), -1).sum(axis=1)

    @staticmethod
    def _weights(engine: TensorEngine, structure: Structure) -> np.ndarray:
        shape = engine.model.shape
        components = np.random.default_rng(5).normal(size=(2, 1, *shape))
        return structure.aparam.T.reshape(2, -1, *[1] * len(shape)) * components

    @pytest.mark.parametrize("seed", [1, 2, None])
    def test_tensors_turn_with_the_structure(
        self, engine: TensorEngine, structure: Structure, seed: int | None
    ) -> None:
        """Dipoles rotate as vectors, polarizabilities as matrices; seed None: a reflection. Each without and with
        inversion."""
        matrix = np.diag([1.0, -1.0, 1.0]) if seed is None else Rotation.random(random_state=seed).as_matrix()
        for change in (matrix, -matrix):
            before, after = (evaluate(engine, each).atom_tensor for each in (structure, structure.linear(change)))
            same(after, rotated(before, change), self.tolerance)

    def test_matrices_are_symmetric(self, engine: TensorEngine, structure: Structure) -> None:
        found = evaluate(engine, structure).atom_tensor
        if found.ndim == 3:
            same(found.transpose(1, 2), found, 1e-12)

    def test_only_selected_atoms_have_a_tensor(self, engine: TensorEngine, structure: Structure) -> None:
        found = evaluate(engine, structure).atom_tensor.flatten(1).abs().amax(dim=1).numpy()
        selected = np.isin(structure.types, engine.model.selected)
        assert (found[selected] > 0).all() and (found[~selected] == 0).all()

    def test_smooth_where_a_neighbour_comes_within_the_cutoffs(self, engine: TensorEngine) -> None:
        for inside, outside, _ in self.crossings(engine):
            same(inside.atom_tensor, outside.atom_tensor, 1e-5)

    def test_a_batch_is_its_frames(self, model: TensorModel) -> None:
        """Predictions of training for a batch agree with those of the engine for each frame, fast and exact."""
        structures = self.frames(model)
        found = self._predict(model, structures).detach()
        first = 0
        for structure in structures:
            last = first + len(structure.types)
            for precision in ("float64", "exact"):
                same(found[first:last], evaluate(TensorEngine(model, precision), structure).atom_tensor, 1e-9)
            first = last

    def test_gradient_in_the_weights(self, model: TensorModel) -> None:
        """Gradient of the sum of squares of all tensors."""
        structures = self.frames(model)

        def loss() -> torch.Tensor:
            return self._predict(model, structures).square().sum()

        weights = list(model.parameters())
        check_gradients(loss, weights, torch.autograd.grad(loss(), weights, allow_unused=True, materialize_grads=True))

    def _predict(self, model: TensorModel, structures: list[Structure]) -> torch.Tensor:
        """Predict a batch; atoms are returned in the order of the structures."""
        batch, kernels, beside = self.batch(model, structures)
        return predict_tensors(model, batch, kernels, **beside)[torch.argsort(batch.atoms)]
