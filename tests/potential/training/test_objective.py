"""Objective: predictions of batches against the reference, and sums over parts of a batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.potential.data.system import System, read_system
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.frames import TrainingFrames
from deepaw.potential.training.kernels import BASIS_SIZES, MARGIN, training_kernels
from deepaw.potential.training.labels import Labels, Predictions
from deepaw.potential.training.loss import EnergyLoss, EnergyLossInput
from deepaw.potential.training.objective import Objective
from deepaw.potential.training.processes import Processes
from deepaw.potential.training.statistics import set_environment_statistics
from potential.systems import water, write_mixed_system, write_system
from potential.trainings import CPU, DESCRIPTOR

NAMES = ("energy", "force", "virial", "atom_energy", "atom_pref")
LABELS = ("energy", "force", "virial", "atom_ener")
FRAMES = [(1, 0), (0, 1), (2, 3), (0, 0), (2, 0)]


@pytest.fixture
def systems(tmp_path: Path) -> list[System]:
    """Return periodic, non-periodic and mixed-type systems with parameters; one has no atom_pref."""
    write_system(tmp_path / "box", water(2, molecules=3, seed=1), labels=LABELS)
    write_system(tmp_path / "free", water(2, molecules=2, seed=2, periodic=False), labels=LABELS)
    write_mixed_system(tmp_path / "mixed", [water(2, 1, seed=3), water(2, 2, seed=4)], labels=LABELS)
    for name in ("box", "free", "mixed"):
        for file in (tmp_path / name).glob("set.*"):
            random, count = np.random.default_rng(1), len(np.load(file / "energy.npy"))
            natoms = np.load(file / "coord.npy").reshape(count, -1).shape[1] // 3
            np.save(file / "fparam.npy", random.normal(size=(count, 1)))
            np.save(file / "aparam.npy", random.normal(size=(count, natoms * 2)))
            if name != "free":
                np.save(file / "atom_pref.npy", random.random((count, natoms)))
    return [read_system(tmp_path / name, ("H", "O")) for name in ("box", "free", "mixed")]


def _model(systems) -> PotentialModel:
    parts = [
        {**DESCRIPTOR, "sel": (20, 12), "exclude_types": ((0, 0),), "type_one_side": False},
        {**DESCRIPTOR, "type": "se_e2_r", "rcut": 3.0, "axis_neuron": None},
    ]
    del parts[1]["axis_neuron"]
    fitting = {"neuron": (6, 6), "numb_fparam": 1, "numb_aparam": 2}
    config = {"type_map": ("H", "O"), "descriptor": {"type": "hybrid", "list": parts}, "fitting_net": fitting}
    model = PotentialModel(ModelConfig.model_validate(config), generator=torch.Generator().manual_seed(1))
    set_environment_statistics(model, [frame for system in systems for frame in system.frames()])
    model.bias.copy_(torch.tensor([-1.0, -3.0]))
    return model


def _closest(systems) -> float:
    """Return the shortest distance of all frames, A."""
    return min(
        float(find_environment(frame.coord, frame.cell, frame.types, 3.0).vector.norm(dim=1).min())
        for system in systems
        for frame in system.frames()
    )


@pytest.fixture
def frames(systems) -> TrainingFrames:
    model = _model(systems)
    return TrainingFrames(model, training_kernels(model, _closest(systems)), systems, NAMES, CPU)


def _loss() -> EnergyLoss:
    prefactors = {f"{edge}_pref_{term}": 2.0 for edge in ("start", "limit") for term in ("e", "f", "v", "ae", "pf")}
    return EnergyLoss(EnergyLossInput(**prefactors), 1e-3)


def _objective(frames: TrainingFrames, processes: Processes | None = None) -> Objective:
    model = frames._model
    return Objective(model, frames._kernels, _loss(), list(model.parameters()), processes or Processes())


def test_predictions_are_those_of_the_reference(systems, frames):
    """Predictions and labels are in the order of the frames, and parameters belong to their atoms."""
    predictions = _objective(frames)._predictions(frames.batch(FRAMES))
    labels = frames.batch(FRAMES).labels
    start = 0
    for number, (system, index) in enumerate(FRAMES):
        frame = systems[system].frame(index)
        end = start + len(frame.types)
        env = find_environment(frame.coord, frame.cell, frame.types, 4.0)
        fparam = torch.from_numpy(frame.labels["fparam"]).expand(end - start, -1)
        exact = evaluate_exactly(frames._model, env, fparam, torch.from_numpy(frame.labels["aparam"]))
        close = {"atol": 2e-6, "rtol": 1e-6}
        torch.testing.assert_close(predictions.energy[number].detach(), exact.energy, **close)
        torch.testing.assert_close(predictions.force[start:end].detach(), exact.force, **close)
        torch.testing.assert_close(predictions.virial[number].detach(), exact.virial, **close)
        torch.testing.assert_close(predictions.atom_energy[start:end].detach(), exact.atom_energy, **close)
        np.testing.assert_array_equal(labels.energy[number], frame.labels["energy"])
        np.testing.assert_array_equal(labels.force[start:end], frame.labels["force"])
        np.testing.assert_array_equal(labels.virial[number], frame.labels["virial"])
        np.testing.assert_array_equal(labels.atom_energy[start:end], frame.labels["atom_ener"])
        assert bool(labels.has_atom_pref[number]) == (system != 1)
        if system != 1:
            np.testing.assert_array_equal(labels.atom_pref[start:end], frame.labels["atom_pref"])
        start = end
    assert labels.has_energy is None and start == len(predictions.force)


def test_the_gradient_is_that_of_the_loss(frames):
    objective = _objective(frames)
    gradients, errors = objective.gradient(frames, FRAMES, 1e-3, torch.zeros(1, dtype=torch.float64))
    model = frames._model
    for name in ("descriptor.list.0.nets.layers.0.w", "fitting.nets.1.layers.1.b"):
        position = [parameter_name for parameter_name, _ in model.named_parameters()].index(name)
        weight = dict(model.named_parameters())[name]
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                weight.view(-1)[1] += step
            values.append(float(objective.errors(frames, FRAMES, 1e-3).loss))
            with torch.no_grad():
                weight.view(-1)[1] -= step
        assert float(gradients[position].view(-1)[1]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)
    torch.testing.assert_close(objective.errors(frames, FRAMES, 1e-3).loss, errors.loss)


def test_parts_of_a_batch_add_up_to_it(frames, monkeypatch):
    """Three processes with two, two and one of the frames, and a fourth with none."""
    gradients, errors = _objective(frames).gradient(frames, FRAMES, 1e-3, torch.zeros(1, dtype=torch.float64))
    objectives = [_objective(frames, Processes(rank, 6)) for rank in range(6)]
    exchanges: list[list[torch.Tensor]] = []

    def first_pass(self, *tensors):
        exchanges[-1].append(torch.cat([tensor.detach().double().reshape(-1) for tensor in tensors]).clone())

    def run() -> list[list[torch.Tensor]]:
        exchanges.clear()
        for objective in objectives:
            exchanges.append([])
            objective.gradient(frames, FRAMES, 1e-3, torch.ones(1, dtype=torch.float64))
        return [list(exchange) for exchange in exchanges]

    monkeypatch.setattr(Processes, "sum", first_pass)
    counts = sum(exchange[0] for exchange in run())

    def second_pass(self, *tensors):
        if not exchanges[-1]:
            tensors[0].copy_(counts)
            exchanges[-1].append(counts)
        else:
            first_pass(self, *tensors)

    monkeypatch.setattr(Processes, "sum", second_pass)
    total = sum(exchange[1] for exchange in run())
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.testing.assert_close(total[: len(flat)], flat, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(total[len(flat)], errors.loss)
    torch.testing.assert_close(total[len(flat) + 1 :], torch.cat([errors.sums, errors.counts, torch.tensor([6.0])]))


def test_bases_cover_all_distances(systems, frames):
    for part, kernel in zip(frames._model.descriptor.parts, frames._kernels, strict=True):
        basis = kernel.form.basis
        assert basis.low == 0 and basis.size == BASIS_SIZES[torch.float64]
        assert basis.high == pytest.approx(1 / (MARGIN * _closest(systems)), rel=1e-12)
        assert part.config.rcut_smth == 1.0
    apart = training_kernels(frames._model, float("inf"))
    assert all(kernel.form.basis.high > 0 for kernel in apart)
    single = PotentialModel(
        ModelConfig.model_validate({"type_map": ("H", "O"), "descriptor": {**DESCRIPTOR, "precision": "float32"}})
    )
    assert training_kernels(single, 1.0)[0].form.basis.size == BASIS_SIZES[torch.float32]


def test_a_batch_without_any_label(tmp_path):
    path = write_system(tmp_path / "bare", water(1, molecules=1), labels=())
    system = read_system(path, ("H", "O"))
    model = PotentialModel(ModelConfig.model_validate({"type_map": ("H", "O"), "descriptor": DESCRIPTOR}))
    frames = TrainingFrames(model, training_kernels(model, 0.5), [system], NAMES, CPU)
    objective = Objective(model, training_kernels(model, 0.5), _loss(), list(model.parameters()), Processes())
    gradients, errors = objective.gradient(frames, [(0, 0)], 1e-3, torch.zeros(1, dtype=torch.float64))
    assert not any(gradient.any() for gradient in gradients) and float(errors.loss) == 0
    labels = frames.batch([(0, 0)]).labels
    assert labels == Labels(selected=labels.selected)
    assert isinstance(objective._predictions(frames.batch([(0, 0)])), Predictions)
