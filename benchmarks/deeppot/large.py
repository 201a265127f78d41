"""Time and memory of one evaluation of a million atoms."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

from deeppot.inference import peer_models
from deeppot.run import Run, Worker, answer
from deeppot.training import PRECISIONS
from deeppot.water import supercell

COPIES = 18
"""Copies of the frame of 192 atoms along each axis: 1,119,744 atoms."""


def answer_large(model: str, precision: str, water: str) -> None:
    """Seconds of an evaluation with forces and virial, and the peak memory of the process before and after, GB."""
    from deepaw.infer import DeepPot

    potential = DeepPot(model, precision)

    def measure(copies: int) -> dict[str, Any]:
        coord, cell, types = supercell(Path(water), copies, 0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        potential.eval(coord.reshape(1, -1), cell.reshape(1, 9), types)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"atoms": len(types), "seconds": seconds, "before": before * 1024 / 1e9, "after": after * 1024 / 1e9}

    answer(measure)


def run_large(run: Run) -> None:
    """Ours alone, on 1 and on 2 threads."""
    print("one evaluation, neighbour list included; GB, peak memory of the process before it and after it")
    for precision in PRECISIONS:
        model = peer_models(run, precision) / "g.dp"
        for threads in (1,) if run.quick else (1, 2):
            worker = Worker(run, sys.executable, "large", str(model), precision, str(run.water), threads=threads)
            reply = worker.ask(copies=3 if run.quick else COPIES)
            worker.close()
            print(
                f"{precision:10s}{threads} threads: {reply['atoms']:,d} atoms in {reply['seconds']:.1f} s, "
                f"{1e6 * reply['seconds'] / reply['atoms']:.1f} us an atom; "
                f"{reply['before']:.2f}, {reply['after']:.2f}",
                flush=True,
            )
