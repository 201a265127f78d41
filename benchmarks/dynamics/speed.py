"""Microseconds an atom a step in LAMMPS, of both programs in turns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deeppot.inference import peer_models
from deeppot.run import Run
from deeppot.training import PRECISIONS
from deeppot.water import supercell
from dynamics.library import time_library
from dynamics.simulation import SKIN, Timing, simulate

CUTOFF = 6.0
"""A, of the water input."""

TRAINED = 400
"""Steps of training; with less, atoms of a simulation come unphysically close."""

BITS = {"float64": 64, "float32": 32}


def our_model(run: Run, folder: Path) -> Path:
    """Convert the peer's model to a native file."""
    path = folder / "g.safetensors"
    if not path.exists():
        command = [str(Path(sys.executable).with_name("deepaw")), "convert", str(folder / "g.dp"), str(path)]
        subprocess.run(command, check=True, capture_output=True, env=run.environment(1))
    return path


def run_speed(run: Run) -> None:
    """Print a line for each precision and size."""
    sizes = ((1, 20, 2),) if run.quick else ((1, 400, 3), (2, 60, 3), (4, 10, 2))
    print("us an atom a step, one process, the least of runs in turns; pair: our pair style over the library alone,")
    print("with the same neighbours; 2 processes: speed over that of one")
    print(f"{'precision':10s}{'atoms':>8s}{'peer':>8s}{'ours':>8s}{'ratio':>8s}{'pair':>8s}{'2 processes':>13s}")
    for precision in PRECISIONS:
        folder = peer_models(run, precision, TRAINED)
        model = our_model(run, folder)
        for copies, steps, turns in sizes:
            timings: dict[str, list[Timing]] = {"peer": [], "ours": [], "two": []}
            ours_settings = (run, "ours", model, precision, copies, steps)
            for _ in range(turns):
                peer_steps = max(2, steps // 4)
                timings["peer"].append(
                    simulate(run, "peer", folder / "gc.pb", precision, copies, peer_steps, warm_up=2)
                )
                timings["ours"].append(simulate(*ours_settings))
                timings["two"].append(simulate(*ours_settings, processes=2))
            peer, ours, two = (min(timing.per_atom for timing in found) for found in timings.values())
            pair = min(timing.pair_per_atom for timing in timings["ours"])
            atoms = supercell(run.water, copies, 0)
            alone = time_library(model, BITS[precision], *atoms, CUTOFF + SKIN, 3 * turns) * 1e6 / len(atoms[2])
            print(
                f"{precision:10s}{len(atoms[2]):8,d}{peer:8.1f}{ours:8.1f}{peer / ours:8.2f}{pair / alone:8.2f}"
                f"{ours / two:13.2f}",
                flush=True,
            )
