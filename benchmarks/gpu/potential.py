"""Training steps and evaluations of potentials on a GPU: correct first, then fast.

The network of DeePMD-kit's water example with random weights, on water-like frames. `PotentialEngine` works on CPUs,
so evaluation here is that of training. Neighbours are found on the CPU and moments computed on the device; a training
step contains both, an evaluation the latter, and the time for neighbours is a number of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from deepaw.potential.data.system import Frame
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.batch import Batch, make_batch
from deepaw.potential.training.kernels import training_kernels
from deepaw.potential.training.step import predict

PRECISIONS = ("float64", "float32")
SPACING = 3.1
"""A, between molecules."""

CLOSEST = 0.9
"""A, shorter than any distance in the frames."""

Kernels = list[TrainingKernel[Any]]


def measure(device: torch.device) -> dict[str, Any]:
    """Measure both precisions: deviations from the equations in float64, training steps, evaluations."""
    return {precision: measure_precision(precision, device) for precision in PRECISIONS}


def measure_precision(precision: str, device: torch.device, copies: tuple[int, ...] = (1, 2, 4)) -> dict[str, Any]:
    """Measure one precision; copies: of 192 atoms along each axis, for evaluations."""
    cpu_model = water_model(precision)
    kernels = training_kernels(cpu_model, CLOSEST)
    model = water_model(precision).to(device)
    results: dict[str, Any] = {"deviation": deviations(cpu_model, model, kernels, device)}
    for batch_size in (1, 8):
        step = training_step(cpu_model, model, kernels, [water(1)] * batch_size, device)
        results[f"training_step_of_{batch_size}_x_192_atoms_ms"] = 1e3 * best_of(step, device, 100)
    for count in copies:
        frame = water(count)
        start = time.perf_counter()
        batch = make_batch(cpu_model, kernels, [frame], device)
        natoms, preparation = len(frame.types), time.perf_counter() - start
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = best_of(evaluation(model, kernels, batch), device, 20)
        numbers = {
            "evaluation_us_per_atom": 1e6 * seconds / natoms,
            "neighbours_on_CPU_us_per_atom": 1e6 * preparation / natoms,
        }
        if device.type == "cuda":
            numbers["GPU_memory_GB"] = torch.cuda.max_memory_allocated(device) / 1e9
        results[f"{natoms}_atoms"] = numbers
    return results


def deviations(
    cpu_model: PotentialModel, model: PotentialModel, kernels: Kernels, device: torch.device
) -> dict[str, float]:
    """Deviation of the energy per atom (eV) and of forces (relative to the largest) from the equations in float64."""
    frame = water(1)
    batch = make_batch(cpu_model, kernels, [frame], device)
    energy, force = evaluation(model, kernels, batch)()
    with torch.enable_grad():
        expected = evaluate_exactly(
            water_model(precision="float64", like=cpu_model),
            find_environment(frame.coord, frame.cell, frame.types, cpu_model.rcut),
        )
    difference = (force.cpu().double() - expected.force[batch.atoms.cpu()]).abs().max()
    return {
        "energy_per_atom_eV": abs(float(energy) - float(expected.energy)) / len(frame.types),
        "force_relative": float(difference / expected.force.abs().max()),
    }


def evaluation(
    model: PotentialModel, kernels: Kernels, batch: Batch
) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Return a function that computes energy and forces, and also the virial."""

    def evaluate() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            prediction = predict(model, batch, kernels, virial=True)
        return prediction.energy, prediction.force

    return evaluate


def training_step(
    cpu_model: PotentialModel, model: PotentialModel, kernels: Kernels, frames: list[Frame], device: torch.device
) -> Callable[[], None]:
    """Return a function that makes a batch and changes weights by the gradient of a loss of energies and forces."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)

    def step() -> None:
        prediction = predict(model, make_batch(cpu_model, kernels, frames, device), kernels)
        optimizer.zero_grad()
        (prediction.force.square().mean() + prediction.energy.square().mean()).backward()
        optimizer.step()

    return step


def best_of(function: Callable[[], Any], device: torch.device, times: int) -> float:
    """Return the least seconds of a call; the first three are not counted."""
    seconds = []
    for _ in range(times + 3):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[3:])


def water_model(precision: str, like: PotentialModel | None = None) -> PotentialModel:
    """Make the networks of the water example; like: a model to take the weights from, instead of random ones."""
    config = ModelConfig(
        type_map=("O", "H"),
        descriptor=SeE2AConfig(
            sel=[46, 92], rcut=6.0, rcut_smth=0.5, neuron=[25, 50, 100], axis_neuron=16, precision=precision
        ),
        fitting_net=EnergyFittingConfig(neuron=[240, 240, 240], resnet_dt=True, precision=precision),
    )
    model = PotentialModel(config, generator=torch.Generator().manual_seed(0))
    if like is not None:
        model.load_state_dict(like.state_dict())
    return model


def water(copies: int) -> Frame:
    """Make a frame of 64 molecules on a grid, turned at random, repeated along each axis."""
    random = np.random.default_rng(0)
    places = SPACING * np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    bonds = np.linalg.qr(random.normal(size=(64, 3, 3)))[0][:, :2] * 0.97
    coord = np.concatenate([places, (places[:, None] + bonds).reshape(-1, 3)])
    cell, types = 4 * SPACING * np.eye(3), np.repeat([0, 1], [64, 128])
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    return Frame(np.tile(types, copies**3), (shifts[:, None] + coord).reshape(-1, 3), copies * cell, {})
