"""What `--compile` gives."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from resident.running import Settings, rattled, running

SHAPE, POINTS = (80, 80, 80), 1000


def run_compiled(settings: Settings) -> None:
    """The engine's own time for an 80^3 density and for 1,000 points, with the option and without, and the start."""
    rounds = 3 if settings.quick else 9
    random = np.random.default_rng(0)
    for name, options in (("as it is", ()), ("compiled", ("--compile",)), ("compiled before", ("--compile",))):
        with running(settings, "fast", options=options) as server:
            client = server.client()
            grids, points = [], []
            for turn in range(rounds + 1):
                atoms = rattled(turn)
                grids.append(client.predict(atoms, SHAPE)["elapsed"])
                start = time.perf_counter()
                client.predict_at(atoms, random.uniform(size=(POINTS, 3)) @ atoms.cell.array)
                points.append(time.perf_counter() - start)
            compiled = client.status()["use_compile"]
        print(
            f"  {name:16s}start {server.seconds:.1f} s; 80^3 {median(grids[1:]):.2f} s; {POINTS:,} points "
            f"{1e3 * median(points[1:]):.1f} ms; use_compile {compiled}",
            flush=True,
        )
