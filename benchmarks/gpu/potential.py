"""Training steps and evaluations of potentials on a GPU: correct first, then fast.

The network of DeePMD-kit's water example with random weights, on water-like frames. `PotentialEngine` works on CPUs,
so evaluation here is that of training. Neighbours and moments are made on the CPU, once a frame in training; they are
on the device before the clock starts, and what making them takes is a number of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from deepaw.potential.descriptor.form import Form
from deepaw.potential.training.forms import forms_of

from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.batch import FrameGeometry, frame_geometry, make_batch
from deepaw.potential.training.step import predict

PRECISIONS = ("float64", "float32")
SPACING = 3.1
"""A, between molecules."""

CLOSEST = 0.9
"""A, shorter than any distance in the frames."""

Frame = tuple[np.ndarray, np.ndarray, np.ndarray]


def measure(device: torch.device) -> dict[str, Any]:
    """For both precisions: deviations from the equations in float64, training steps, evaluations up to 12,288 atoms."""
    return {precision: measure_precision(precision, device) for precision in PRECISIONS}


def measure_precision(precision: str, device: torch.device, copies: tuple[int, ...] = (1, 2, 4)) -> dict[str, Any]:
    """copies: of 192 atoms along each axis."""
    here = water_model(precision)
    forms = forms_of(here, CLOSEST)
    model = water_model(precision).to(device)
    results: dict[str, Any] = {"deviation": deviations(here, model, forms, device)}
    frame = geometry(here, forms, water(1))
    for batch_size in (1, 8):
        seconds = best_of(training_step(model, forms, [frame.to(device)] * batch_size), device, 100)
        results[f"training_step_of_{batch_size}_x_192_atoms_ms"] = 1e3 * seconds
    for count in copies:
        start = time.perf_counter()
        frame = geometry(here, forms, water(count))
        natoms, made = 192 * count**3, time.perf_counter() - start
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = best_of(evaluation(model, forms, frame.to(device)), device, 20)
        numbers = {"evaluation_us_per_atom": 1e6 * seconds / natoms, "geometry_on_CPU_us_per_atom": 1e6 * made / natoms}
        if device.type == "cuda":
            numbers["GPU_memory_GB"] = torch.cuda.max_memory_allocated(device) / 1e9
        results[f"{natoms}_atoms"] = numbers
    return results


def deviations(
    here: PotentialModel, model: PotentialModel, forms: list[Form], device: torch.device
) -> dict[str, float]:
    """Of energy an atom, eV, and of forces, in parts of the largest, from the equations on the CPU in float64."""
    coord, cell, types = water(1)
    frame = geometry(here, forms, (coord, cell, types))
    energy, force = evaluation(model, forms, frame.to(device))()
    with torch.enable_grad():
        expected = evaluate_exactly(
            water_model(precision="float64", like=here), find_environment(coord, cell, types, here.rcut)
        )
    difference = (force.cpu().double() - expected.force[frame.order]).abs().max()
    return {
        "energy_per_atom_eV": abs(float(energy) - float(expected.energy)) / len(types),
        "force_relative": float(difference / expected.force.abs().max()),
    }


def geometry(model: PotentialModel, forms: list[Form], frame: Frame) -> FrameGeometry:
    """Of one frame, on the CPU."""
    coord, cell, types = frame
    return frame_geometry(model, forms, types, coord, cell)


def evaluation(
    model: PotentialModel, forms: list[Form], frame: FrameGeometry
) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """A function that returns energy and forces, and also works out the virial."""
    batch = make_batch([frame])

    def evaluate() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            found = predict(model, batch, forms, virial=True)
        return found.energy, found.force

    return evaluate


def training_step(model: PotentialModel, forms: list[Form], frames: list[FrameGeometry]) -> Callable[[], None]:
    """A function that puts a batch together, and changes weights by the gradient of a loss of energies and forces."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)

    def step() -> None:
        found = predict(model, make_batch(frames), forms)
        optimizer.zero_grad()
        (found.force.square().mean() + found.energy.square().mean()).backward()
        optimizer.step()

    return step


def best_of(function: Callable[[], Any], device: torch.device, times: int) -> float:
    """Seconds, the first three runs not counted."""
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
    """The water example's networks. like: the model that weights are taken from, instead of random ones."""
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
    """Coordinates and cell, A, and types of 64 molecules on a grid, turned at random, repeated along each axis."""
    random = np.random.default_rng(0)
    places = SPACING * np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    bonds = np.linalg.qr(random.normal(size=(64, 3, 3)))[0][:, :2] * 0.97
    coord = np.concatenate([places, (places[:, None] + bonds).reshape(-1, 3)])
    cell, types = 4 * SPACING * np.eye(3), np.repeat([0, 1], [64, 128])
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    return (shifts[:, None] + coord).reshape(-1, 3), copies * cell, np.tile(types, copies**3)
