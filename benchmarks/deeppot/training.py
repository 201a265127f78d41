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


def train_peer(run: Run, folder: Path, precision: str, steps: int, threads: int = 1, between: int = 1) -> float:
    """Seconds a step, its own average without the first quarter; the trained model stays in the folder."""
    folder.mkdir()
    (folder / "input.json").write_text(json.dumps(water_input(run.water, precision, steps, steps // 4)))
    said = run.dp(folder, "--tf", "train", "--skip-neighbor-stat", "input.json", threads=threads, between=between)
    found = re.search(r"average training time: ([0-9.]+) s/batch", said)
    if found is None:
        sys.exit(f"DeePMD-kit did not say how long its training steps took:\n{said[-2000:]}")
    return float(found[1])


def answer_training(water: str, precision: str, steps: str, warm_up: str) -> None:
    """Our training: seconds of every step."""

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
        seconds, first = np.diff(ends), int(warm_up)
        later = seconds[first:]
        early = seconds[5 : min(first, 100)]
        return {"median": float(np.median(later)), "average": float(later.mean()), "early": float(np.median(early))}

    answer(train)


def run_training(run: Run) -> None:
    """Both programs in turns; the best of each."""
    rounds, peer_steps, steps, warm_up = (1, 12, 60, 20) if run.quick else (2, 400, FRAMES + 200, FRAMES)
    print("ms a step; peer: its average; ours: median, average once frames were seen, median while they are new")
    print(
        f"{'precision':10s}{'threads':>8s}{'peer':>9s}{'ours':>9s}{'average':>9s}{'new':>9s}"
        f"{'ratio':>8s}{'of averages':>13s}"
    )
    for precision in PRECISIONS:
        for threads in (1,) if run.quick else (1, 2):
            peer, ours = [], []
            for turn in range(rounds):
                for between in range(1, threads + 1):
                    folder = run.folder / f"train-{precision}-{threads}-{between}-{turn}"
                    peer.append(train_peer(run, folder, precision, peer_steps, threads, between))
                    run.models.setdefault(precision, folder)
                arguments = ("training", str(run.water), precision, str(steps), str(warm_up))
                worker = Worker(run, sys.executable, *arguments, threads=threads)
                ours.append(worker.ask())
                worker.close()
            best = {name: min(found[name] for found in ours) for name in ours[0]}
            print(
                f"{precision:10s}{threads:8d}{1e3 * min(peer):9.1f}{1e3 * best['median']:9.1f}"
                f"{1e3 * best['average']:9.1f}{1e3 * best['early']:9.1f}"
                f"{min(peer) / best['median']:8.2f}{min(peer) / best['average']:13.2f}",
                flush=True,
            )
