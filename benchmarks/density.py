"""How fast and how exact densities are: the engine beside the plain e3nn network, in one run.

    python benchmarks/density.py                 everything, each part in a process of its own
    python benchmarks/density.py speed large     some parts: speed, local, large, large-local, fast, start

speed, local: the full-size network (mul 500, lmax 4, random weights), without and with F_local: seconds a point beside
e3nn's, three crystals on an 80^3 grid (32^3), largest deviation beside each. large, large-local: a 1,500-atom rattled
supercell, one block of 64^3 points of its grid. fast: the bundled model. start: first prediction in a new process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.spacegroup import crystal
from numpy.typing import NDArray

SHAPE = (80, 80, 80)
LOCAL_SHAPE = (32, 32, 32)
COMPARED = 40
"""Grid points of every crystal at which the engine is compared with the float64 reference."""

REFERENCE_PROBES = 100
BLOCK = 64


def cubic() -> Atoms:
    """Fluorite HfO2, 12 atoms, 192 operations."""
    return crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)


def monoclinic() -> Atoms:
    """Baddeleyite HfO2, 12 atoms, 4 operations."""
    sites = [(0.276, 0.040, 0.208), (0.070, 0.332, 0.345), (0.449, 0.758, 0.480)]
    return crystal(["Hf", "O", "O"], sites, spacegroup=14, cellpar=[5.12, 5.17, 5.29, 90, 99.2, 90])


def rattled(copies: int = 1) -> Atoms:
    """Fluorite HfO2 with every atom off its site, 12 atoms times copies^3."""
    atoms = cubic().repeat(copies)
    atoms.rattle(0.05, seed=1)
    return atoms


def full_size(local: bool):  # type: ignore[no-untyped-def]
    """A model of full size with random weights."""
    from deepaw.density.model.config import GatedConfig, LocalConfig
    from deepaw.density.model.gated import GatedNetwork
    from deepaw.density.model.model import DensityModel

    torch.manual_seed(0)
    network = GatedNetwork(GatedConfig(mul=500, lmax=4, envelope=False, local=LocalConfig() if local else None))
    if network.local is not None:
        torch.nn.init.normal_(network.local.mlp.weight, std=0.05)
    return DensityModel(network)


def grid_sample(atoms: Atoms, shape: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Some random points of a grid: flat index and position."""
    from deepaw.density.engine.tiles import grid_points

    index = np.random.default_rng(0).choice(int(np.prod(shape)), COMPARED, replace=False)
    return index, grid_points(atoms.cell.array, shape, index)


def reference_seconds(model, atoms: Atoms) -> float:  # type: ignore[no-untyped-def]
    """Seconds a probe of the plain e3nn network, float32, neighbours already known, the atoms' part not counted."""
    from deepaw.density.model.reference import ReferenceNetwork
    from deepaw.density.model.reference.edges import Edges, all_edges

    network = ReferenceNetwork(model.network.config)
    network.load_state_dict(model.network.state_dict(), strict=False)
    points = torch.from_numpy(np.random.default_rng(1).uniform(size=(REFERENCE_PROBES, 3)) @ atoms.cell.array)
    positions, cell = torch.from_numpy(atoms.positions), torch.from_numpy(atoms.cell.array)
    cutoff, pbc = model.network.cutoff, (True, True, True)

    def edges(places: torch.Tensor, itself: bool) -> Edges:
        found = all_edges(positions, cell, pbc, places, cutoff, itself)
        return Edges(found.source, found.target, found.vector.float())

    with torch.no_grad():
        species = torch.nn.functional.one_hot(torch.from_numpy(atoms.numbers), 119).float()
        features = network.atom_model.layers(None, species, edges(positions, itself=False))
        to_points, probes = edges(points, itself=True), torch.zeros(REFERENCE_PROBES, 1)
        best = float("inf")
        for _ in range(4):  # e3nn's code is compiled during the first two
            start = time.perf_counter()
            last = network.probe_model.layers(features, probes, to_points)[-1]
            output = network.probe_model.readout(last)
            if network.local is not None:
                output = output + network.local(last)
            best = min(best, time.perf_counter() - start)
    return best / REFERENCE_PROBES


def run_speed(local: bool) -> None:
    """The full-size network on three crystals."""
    from deepaw import InferenceEngine
    from deepaw.density.evaluation.deviation import reference_density

    model = full_size(local)
    slow = reference_seconds(model, rattled())
    print(f"e3nn reference: {1e3 * slow:.2f} ms a point, {torch.get_num_threads()} threads")
    for precision in ("default",) if local else ("default", "tight", "fast"):
        engine = InferenceEngine(model, precision=precision)
        for name, atoms in (("cubic", cubic()), ("monoclinic", monoclinic()), ("rattled", rattled())):
            if precision != "default" and name != "cubic":
                continue
            shape = LOCAL_SHAPE if local else SHAPE
            start = time.perf_counter()
            prepared = engine.prepare(atoms)
            ready = time.perf_counter()
            values, evaluated = prepared.evaluate_grid(shape)
            end = time.perf_counter()
            index, points = grid_sample(atoms, shape)
            expected = reference_density(model, atoms, points)[:, 0]
            deviation = np.abs(values.reshape(-1)[index] - expected).max() / np.abs(expected).max()
            each = (end - ready) / evaluated
            print(
                f"  {precision:8s}{name:11s}{'x'.join(map(str, shape)):10s} {end - start:7.2f} s engine time, "
                f"{evaluated:7,d} of {np.prod(shape):,} points evaluated, {1e6 * each:7.1f} us each, "
                f"{slow / each:7.0f} x e3nn, deviation {deviation:.1e}",
                flush=True,
            )


def run_large(local: bool) -> None:
    """Time per point of one block in 1,500 atoms and in 12, and the peak memory."""
    from deepaw import InferenceEngine
    from deepaw.density.engine.tiles import grid_points

    engine = InferenceEngine(full_size(local))
    side = 32 if local else BLOCK
    corner = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    seconds = []
    for copies in (1, 5):
        atoms = rattled(copies)
        shape = (80 * copies,) * 3
        start = time.perf_counter()
        prepared = engine.prepare(atoms)
        ready = time.perf_counter()
        index = np.ravel_multi_index(tuple((corner % shape).T), shape)
        prepared.at(grid_points(atoms.cell.array, shape, index))
        seconds.append((time.perf_counter() - ready) / len(corner))
        print(
            f"{len(atoms):5d} atoms, {side}^3 points of {shape[0]}^3: atoms' part {ready - start:.2f} s, "
            f"{1e6 * seconds[-1]:.1f} us a point",
            flush=True,
        )
    print(f"ratio {seconds[1] / seconds[0]:.2f}, peak memory {peak_gigabytes():.2f} GB")


def run_fast() -> None:
    """The bundled model: a rattled cell, and the whole grid of a 1,500-atom supercell, streamed."""
    from deepaw import InferenceEngine

    engine = InferenceEngine("fast")
    engine.predict(rattled(), (20, 20, 20))
    result = engine.predict(rattled(), SHAPE)
    print(f"12 atoms rattled, 80^3: {result.elapsed:.2f} s, {1e6 * result.elapsed / 512_000:.2f} us a point")
    start = time.perf_counter()
    count = sum(block.size for block in engine.prepare(rattled(5)).blocks((200, 200, 200)))
    print(
        f"1500 atoms rattled, 200^3: {time.perf_counter() - start:.1f} s for {count:,} points, "
        f"peak memory {peak_gigabytes():.2f} GB"
    )


def run_start() -> None:
    """First prediction in a new process, as a user sees it."""
    poscar = Path(__file__).parents[1] / "examples" / "HfO2.vasp"
    command = [sys.executable, "-m", "deepaw", "predict", "--poscar", str(poscar), "--grid", "24", "24", "24"]
    for attempt in ("first", "second"):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        print(f"{attempt} new process, 24^3: {time.perf_counter() - start:.2f} s")


def peak_gigabytes() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


PARTS = {
    "speed": ("Full size, F_nonlocal", lambda: run_speed(local=False)),
    "local": ("Full size, F_nonlocal + F_local", lambda: run_speed(local=True)),
    "large": ("1,500 atoms, full size, F_nonlocal", lambda: run_large(local=False)),
    "large-local": ("1,500 atoms, full size, F_nonlocal + F_local", lambda: run_large(local=True)),
    "fast": ("The bundled model 'fast'", run_fast),
    "start": ("First prediction in a new process", run_start),
}


def main() -> None:
    """Run the parts named, or all of them."""
    if len(sys.argv) == 3 and sys.argv[1] == "--alone":
        PARTS[sys.argv[2]][1]()
        return
    chosen = sys.argv[1:] or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.exit(f"There is no part {unknown[0]}; the parts are {', '.join(PARTS)}.")
    versions = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(versions))
    failed = False
    for name in chosen:
        print(f"\n{PARTS[name][0]}", flush=True)
        done = subprocess.run([sys.executable, "-W", "ignore", __file__, "--alone", name], check=False)
        failed = failed or done.returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
