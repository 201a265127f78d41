"""Physics tests of every potential.

Inherit `PotentialPhysics` in a test file and give a fixture `model`: a `PotentialModel` in float64 with smooth
activations, such as `random_model` makes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.exact import Evaluation
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.step import Prediction, predict
from potential.dynamics import tethered
from potential.modelphysics import ModelPhysics, check_gradients
from potential.structures import Structure, evaluate, frame_of, same


class PotentialPhysics(ModelPhysics):
    """Test suite of potentials."""

    engine_class = PotentialEngine
    fields: ClassVar = {"energy": None, "virial": None, "force": 0, "atom_energy": 0, "atom_virial": 0}

    def evaluate_fully(self, engine: PotentialEngine, structure: Structure) -> Evaluation:
        return evaluate(engine, structure, atomic_virial=True)

    def weighted_sums(self, engine: PotentialEngine, structure: Structure) -> np.ndarray:
        return evaluate(engine, structure).energy.reshape(1).numpy()

    @pytest.mark.parametrize("seed", [1, 2])
    def test_rotation(self, engine: PotentialEngine, structure: Structure, seed: int) -> None:
        self._check_rotated(engine, structure, Rotation.random(random_state=seed).as_matrix())

    def test_inversion(self, engine: PotentialEngine, structure: Structure) -> None:
        self._check_rotated(engine, structure, -np.eye(3))

    def _check_rotated(self, engine: PotentialEngine, structure: Structure, matrix: np.ndarray) -> None:
        before, after = (evaluate(engine, each) for each in (structure, structure.linear(matrix)))
        Q = torch.from_numpy(matrix)
        same(after.atom_energy, before.atom_energy, self.tolerance)
        same(after.force, before.force @ Q.T, self.tolerance)
        same(after.virial, Q @ before.virial @ Q.T, self.tolerance)

    def test_atoms_of_one_type_are_alike(self, engine: PotentialEngine, structure: Structure) -> None:
        first, second = np.flatnonzero(structure.types == structure.types[0])[:2]
        coord = structure.coord.copy()
        coord[[first, second]] = coord[[second, first]]
        aparam = structure.aparam.copy()
        aparam[[first, second]] = aparam[[second, first]]
        before = evaluate(engine, structure)
        after = evaluate(engine, replace(structure, coord=coord, aparam=aparam))
        same(after.energy, before.energy, self.tolerance)
        same(after.force[first], before.force[second], self.tolerance)

    def test_no_torque(self, engine: PotentialEngine, structure: Structure) -> None:
        found = evaluate(engine, structure)
        torch.testing.assert_close(found.virial, found.virial.T, rtol=0, atol=1e-9 * float(found.virial.abs().max()))
        same(found.atom_energy.sum(), found.energy, 1e-12)
        alone = replace(structure, cell=None)
        force = evaluate(engine, alone).force.numpy()
        torque = np.cross(alone.coord, force).sum(axis=0)
        assert np.abs(torque).max() < 1e-9 * np.abs(force).max()

    def test_smooth_where_a_neighbour_comes_within_the_cutoffs(self, engine: PotentialEngine) -> None:
        """Energy and force of a pair have no jump at either end of a switching function."""
        for inside, outside, near in self.crossings(engine):
            scale = float(near.force.abs().max())
            assert abs(float(inside.energy - outside.energy)) < 1e-5 * max(scale, 1e-3)
            assert float((inside.force - outside.force).abs().max()) < 1e-4 * scale

    def test_energy_follows_the_virial_while_neighbours_leave(
        self, engine: PotentialEngine, structure: Structure
    ) -> None:
        """dE/d(ln scale) = -trace(virial) during an expansion of the cell, without jumps."""
        x, weights = np.polynomial.legendre.leggauss(4)
        edges = np.linspace(0.0, 0.3, 26)
        integral = 0.0
        for low, high in pairwise(edges):
            for place, weight in zip(x, weights, strict=True):
                scale = float(np.exp(0.5 * (low + high) + 0.5 * (high - low) * place))
                virial = evaluate(engine, structure.linear(scale * np.eye(3))).virial
                integral -= 0.5 * (high - low) * weight * float(virial.trace())
        ends = [float(evaluate(engine, structure.linear(np.exp(edge) * np.eye(3))).energy) for edge in edges[[0, -1]]]
        counts = [
            len(find_environment(each.coord, each.cell, each.types, engine.model.rcut).centre)
            for each in (structure, structure.linear(np.exp(0.3) * np.eye(3)))
        ]
        assert counts[0] > 1.5 * counts[1]
        assert abs(integral - (ends[1] - ends[0])) < 1e-5 * abs(ends[1] - ends[0])

    def test_energy_is_conserved(self, model: PotentialModel, structure: Structure) -> None:
        engine = PotentialEngine(model, skin=0.2)
        found = tethered(engine, structure, steps=2000, step=0.015, spring=15.0, speed=0.5)
        assert found.farthest.max() > 0.2  # lists were made anew
        assert abs(found.total[-500:].mean() - found.total[1:501].mean()) < 1e-3 * np.ptp(found.potential)
        assert np.ptp(found.total) < 3e-2 * np.ptp(found.potential)

    def test_a_batch_is_its_frames(self, model: PotentialModel) -> None:
        """Predictions of training for a batch agree with those of the engine for each frame, fast and exact."""
        structures = self.frames(model)
        prediction = self._predict(model, structures)
        assert prediction.virial is not None
        first = 0
        for number, structure in enumerate(structures):
            atoms = slice(first, first + len(structure.types))
            for precision in ("float64", "exact"):
                alone = evaluate(PotentialEngine(model, precision), structure)
                same(prediction.energy[number], alone.energy, 1e-9)
                same(prediction.force[atoms], alone.force, 1e-8)
                same(prediction.virial[number], alone.virial, 1e-8)
                same(prediction.atom_energy[atoms], alone.atom_energy, 1e-9)
            first = atoms.stop

    @pytest.mark.parametrize("precision", ["float64", "exact"])
    def test_frames_together_are_frames_alone(self, model: PotentialModel, precision: str) -> None:
        engine, structures = PotentialEngine(model, precision), self.frames(model)
        frames = [frame_of(model, each) for each in structures]
        for structure, found in zip(structures, engine.evaluate_frames(frames, atomic_virial=True), strict=True):
            self.assert_agrees(found, self.evaluate_fully(engine, structure), 1e-9)

    def test_gradient_of_the_loss_in_the_weights(self, model: PotentialModel) -> None:
        """Gradient of a loss with energies, forces and virials."""
        structures = self.frames(model)

        def loss() -> torch.Tensor:
            found = self._predict(model, structures, detached=False)
            assert found.virial is not None
            return found.energy.square().sum() + 10 * found.force.square().sum() + found.virial.square().sum()

        weights = [weight for weight in model.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(loss(), weights)
        assert all(gradient.abs().max() > 0 for gradient in gradients)
        check_gradients(loss, weights, gradients)

    def _predict(self, model: PotentialModel, structures: list[Structure], detached: bool = True) -> Prediction:
        """Predict a batch; atoms are returned in the order of the structures."""
        batch, kernels, beside = self.batch(model, structures)
        with torch.set_grad_enabled(not detached):
            found = predict(model, batch, kernels, virial=True, **beside)
        back = torch.argsort(batch.atoms)
        return replace(found, force=found.force[back], atom_energy=found.atom_energy[back])
