"""The matrix products of the fitting net alone, and how far above them evaluation is."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from deeppot.inference import peer_models
from deeppot.run import Run, Worker, answer
from deeppot.training import PRECISIONS
from deeppot.water import supercell

FLOOR_ROWS = (128, 512, 2048)
"""Atoms in one product; the fastest counts."""


def answer_floor(model: str, precision: str, water: str) -> None:
    """Seconds an atom of the fitting net's products: as wide as the descriptor, by torch; and as narrow as we fold it,
    by what we multiply with."""

    def measure() -> dict[str, Any]:
        import torch

        from deepaw.potential.engine.engine import PotentialEngine
        from deepaw.potential.files.formats import read_potential
        from deepaw.potential.network.products import product

        potential = read_potential(model)
        sizes = PotentialEngine(potential, precision).sizes()
        share = np.bincount(supercell(Path(water), 1, 0)[2], minlength=len(sizes)) / 192
        neurons, dtype = potential.config.fitting_net.neuron, getattr(torch, precision)

        def seconds(width: int, multiply: Any) -> float:
            widths = (width, *neurons)
            best = float("inf")
            for rows in FLOOR_ROWS:
                pairs = [
                    (torch.randn(rows, a, dtype=dtype), torch.randn(a, b, dtype=dtype))
                    for m, n in zip(widths, neurons, strict=False)
                    for a, b in ((m, n), (n, m))
                ]
                for _ in range(20):
                    start = time.perf_counter()
                    for left, right in pairs:
                        multiply(left, right)
                    best = min(best, (time.perf_counter() - start) / rows)
            return best

        folded = [sum(size.features for size in of_kind) for of_kind in sizes]
        ours = sum(part * seconds(width, product) for part, width in zip(share, folded, strict=True))
        wide = sum(size.width for size in sizes[0])
        return {"wide": wide, "peer": seconds(wide, torch.mm), "folded": folded, "ours": float(ours)}

    answer(measure)


def run_floor(run: Run) -> None:
    """What the products alone take beside what evaluation takes."""
    print("us an atom: products forward and backward, 1 thread, beside evaluating the largest frame above")
    for precision in PRECISIONS:
        worker = Worker(
            run, sys.executable, "floor", str(peer_models(run, precision) / "g.dp"), precision, str(run.water)
        )
        found = worker.ask()
        worker.close()
        for name, width in (("peer", found["wide"]), ("ours", "/".join(map(str, found["folded"])))):
            text = f"{precision:10s}{name}: first layer reads {width}: {1e6 * found[name]:.1f}"
            if (whole := run.seconds_per_atom.get((name, precision))) is not None:
                text += f", evaluation {1e6 * whole:.1f}: {whole / found[name]:.2f} x this floor"
                text += f", {whole / found['peer']:.2f} x the peer's" if name == "ours" else ""
            print(text, flush=True)
