"""The density engine on a GPU: correct first, then fast."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.spacegroup import crystal

from deepaw import InferenceEngine
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.engine.tiles import GPU_TILES, Surroundings, grid_blocks, grid_points
from deepaw.density.evaluation.deviation import reference_density
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel
from deepaw.errors import InputError

SHAPE = (80, 80, 80)


def measure(device: torch.device) -> dict[str, Any]:
    """Full-size networks with random weights, without and with F_local, and the bundled model."""
    results: dict[str, Any] = {}
    for name, local in (("nonlocal", False), ("nonlocal + local", True)):
        results[name] = measure_model(full_size(local), device, flops=not local)
    try:
        results["fast"] = measure_model(InferenceEngine("fast").model, device, flops=False)
    except InputError as error:
        results["fast"] = str(error)
    return results


def measure_model(model: DensityModel, device: torch.device, flops: bool) -> dict[str, Any]:
    """Correctness and speed at every precision; end to end, and the largest grid, at the default one."""
    results: dict[str, Any] = {}
    sample = rattled()
    points = np.random.default_rng(1).uniform(size=(200, 3)) @ sample.cell.array
    expected = reference_density(model, sample, points)
    for name in PRECISIONS:
        engine = InferenceEngine(model, str(device), name)
        found = engine.prepare(sample).at(points).reshape(expected.shape)
        prepared = engine.prepare(sample)
        seconds = best_of(lambda p=prepared: p.evaluate_grid(SHAPE, symmetry=False), device)
        rate = np.prod(SHAPE) / seconds
        results[name] = {
            "deviation_from_CPU_reference": float(np.abs(found - expected).max() / np.abs(expected).max()),
            "budget": PRECISIONS[name].budget,
            "points_per_s": float(rate),
        }
        if flops:
            results[name]["TFLOP_per_s"] = float(rate) * operations(engine, sample) / 1e12
    engine = InferenceEngine(model, str(device))
    for name, atoms in (("cubic", cubic()), ("rattled", sample)):
        results[f"HfO2_{name}_80^3_end_to_end_s"] = best_of(lambda a=atoms: engine.predict(a, SHAPE), device)
    torch.cuda.reset_peak_memory_stats(device)
    for side in (160, 320, 640, 960):
        start = time.perf_counter()
        for block in engine.prepare(sample).blocks((side,) * 3):
            if time.perf_counter() - start > 120:
                break
            del block
        else:
            results["largest_grid"] = f"{side}^3 in {time.perf_counter() - start:.1f} s"
            continue
        break
    results["GPU_memory_GB"] = torch.cuda.max_memory_allocated(device) / 1e9
    return results


def operations(engine: InferenceEngine, atoms: Atoms) -> float:
    """Multiply-adds, times two, a point of the network without F_local: the two products per pair of a tile."""
    probes = engine._evaluators[0]._probes  # type: ignore[attr-defined]
    basis, channels = probes._radial.coefficients.shape
    harmonics = (engine.model.network.config.lmax + 1) ** 2  # type: ignore[union-attr]
    around = Surroundings(atoms, engine.model.network.config.cutoff)
    blocks = [b for _, b in zip(range(8), grid_blocks(atoms.cell.array, SHAPE, size=GPU_TILES), strict=False)]
    pairs = [len(b) * len(around.tile(grid_points(atoms.cell.array, SHAPE, b)).atom) for b in blocks]
    return 2 * (basis + harmonics) * channels * sum(pairs) / sum(len(b) for b in blocks)


def best_of(function: Any, device: torch.device, times: int = 3) -> float:
    """Seconds, the first run not counted."""
    seconds = []
    for _ in range(times + 1):
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        function()
        torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def full_size(local: bool) -> DensityModel:
    """mul 500, lmax 4, random weights."""
    torch.manual_seed(0)
    network = GatedNetwork(GatedConfig(mul=500, lmax=4, envelope=False, local=LocalConfig() if local else None))
    if network.local is not None:
        torch.nn.init.normal_(network.local.mlp.weight, std=0.05)
    return DensityModel(network)


def cubic() -> Atoms:
    """Fluorite HfO2, 12 atoms."""
    return crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)


def rattled() -> Atoms:
    """The same without symmetry."""
    atoms = cubic()
    atoms.rattle(0.05, seed=1)
    return atoms
