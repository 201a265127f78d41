"""Seconds a step of training."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from deeppot.run import Run, Worker, answer
from deeppot.water import FRAMES, water_input

PRECISIONS = ("float64", "float32")

FIRST = slice(5, 100)
"""Steps whose frames are met for the first time: each system is gone through before a frame of it comes again."""


def train_peer(run: Run, folder: Path, precision: str, steps: int, threads: int = 1, between: int = 1) -> float:
    """Seconds a step, its own average without the first quarter; the trained model stays in the folder."""
    folder.mkdir()
    (folder / "input.json").write_text(json.dumps(water_input(run.water, precision, steps, steps // 4)))
    said = run.dp(folder, "--tf", "train", "--skip-neighbor-stat", "input.json", threads=threads, between=between)
    found = re.search(r"average training time: ([0-9.]+) s/batch", said)
    if found is None:
        sys.exit(f"DeePMD-kit did not say how long its training steps took:\n{said[-2000:]}")
    return float(found[1])


def answer_training(water: str, precision: str, steps: str) -> None:
    """Our training: seconds of a step on frames met for the first time, and on frames that were met before."""

    def train() -> dict[str, float]:
        import torch

        from deepaw.potential.input import read_potential_input
        from deepaw.potential.training.trainer import Trainer

        ends: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input.json"
            path.write_text(json.dumps(water_input(Path(water), precision, int(steps), 100)))
            Trainer(
                read_potential_input(path),
                path.parent,
                path.parent,
                torch.device("cpu"),
                say=lambda text: None,
                show=lambda status: ends.append(time.perf_counter()),
            ).run()
        seconds = np.diff(ends)
        return {"first": float(np.median(seconds[FIRST])), "again": float(np.median(seconds[-len(seconds) // 4 :]))}

    answer(train)


def run_training(run: Run) -> None:
    """Both programs in turns; the best of each."""
    rounds, peer_steps, steps = (1, 12, 60) if run.quick else (2, 400, 2 * FRAMES)
    print("ms a step; peer: its average; ours: medians, of frames met for the first time and of frames met before")
    print(f"{'precision':10s}{'threads':>8s}{'peer':>9s}{'first':>9s}{'again':>9s}{'ratio':>8s}{'again':>8s}")
    for precision in PRECISIONS:
        for threads in (1,) if run.quick else (1, 2):
            peer, ours = [], []
            for turn in range(rounds):
                for between in range(1, threads + 1):
                    folder = run.folder / f"train-{precision}-{threads}-{between}-{turn}"
                    peer.append(train_peer(run, folder, precision, peer_steps, threads, between))
                    run.models.setdefault(precision, folder)
                arguments = ("training", str(run.water), precision, str(steps))
                worker = Worker(run, sys.executable, *arguments, threads=threads)
                ours.append(worker.ask())
                worker.close()
            first, again = (min(seconds[name] for seconds in ours) for name in ("first", "again"))
            print(
                f"{precision:10s}{threads:8d}{1e3 * min(peer):9.1f}{1e3 * first:9.1f}{1e3 * again:9.1f}"
                f"{min(peer) / first:8.2f}{min(peer) / again:8.2f}",
                flush=True,
            )
