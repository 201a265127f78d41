"""Ten steps of a million atoms."""

from __future__ import annotations

from deeppot.inference import peer_models
from deeppot.run import Run
from dynamics.simulation import simulate
from dynamics.speed import TRAINED, our_model

COPIES, STEPS = 18, 10
"""1,119,744 atoms."""


def run_large(run: Run) -> None:
    """Print time and the largest memory of a process, for both precisions."""
    copies = 4 if run.quick else COPIES
    for precision in ("float64", "float32"):
        model = our_model(run, peer_models(run, precision, TRAINED))
        timing = simulate(run, "ours", model, precision, copies, STEPS, warm_up=0)
        print(
            f"{precision:10s}{timing.natoms:,} atoms, {STEPS} steps: {timing.loop:.1f} s, {timing.per_atom:.1f} us an "
            f"atom a step, {timing.memory:.2f} GB",
            flush=True,
        )
