"""Start and memory of a training on many frames.

    python benchmarks/manyframes.py --water ../shared/data/water [--frames 2000 20000] [--steps 300] [--threads 2]

Copies the frames of the water example with atoms moved at random, in sets of 2,000 frames of deepmd/npy, and trains the
water input on them, one frame a batch, in a process of its own: twice on the same data, the second time with the
results of the first scan. --water (or DEEPAW_WATER): a folder with the water systems data_0 to data_2 of DeePMD-kit's
example.

Printed for each number of frames: seconds to the end of the first step; steps a second after it, on frames that are met
for the first time; the largest memory of the process (ru_maxrss, mapped files counted) and the largest part of it that
is no file (RssAnon), in MiB. The latter should not grow with the number of frames.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from deeppot.water import TRAINED_ON, water_input

SET = 2000
"""Frames of a set."""

MOVED = 0.02
"""A: standard deviation of the random displacement of an atom."""

WARM_UP = 20
"""Steps after the first that do not count for the speed."""

Result = dict[str, float]


def write_frames(water: Path, folder: Path, nframes: int) -> None:
    """Write one system of `nframes` frames of 192 atoms, float32 as in the example; labels are those before moving."""
    random = np.random.default_rng(0)
    sets = [path for name in TRAINED_ON for path in sorted((water / name).glob("set.*"))]
    names = ("coord", "box", "energy", "force")
    source = {name: np.concatenate([np.load(path / f"{name}.npy") for path in sets]) for name in names}
    folder.mkdir()
    for name in ("type.raw", "type_map.raw"):
        (folder / name).write_bytes((water / TRAINED_ON[0] / name).read_bytes())
    for first in range(0, nframes, SET):
        frames = np.arange(first, min(first + SET, nframes)) % len(source["coord"])
        path = folder / f"set.{first // SET:03d}"
        path.mkdir()
        for name, array in source.items():
            rows = array[frames].astype(np.float32)
            if name == "coord":
                rows += random.normal(0, MOVED, rows.shape).astype(np.float32)
            np.save(path / f"{name}.npy", rows)


def train(system: Path, steps: int) -> Result:
    """Train on a system in this process, and measure."""
    import torch

    from deepaw.potential.input import read_potential_input
    from deepaw.potential.training.trainer import Trainer

    ends: list[float] = []
    peak = [0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.json"
        content = water_input(system, "float32", steps, steps)
        content["training"]["training_data"]["systems"] = [str(system)]
        path.write_text(json.dumps(content))
        threading.Thread(target=_watch, args=(peak,), daemon=True).start()
        before = _anonymous()
        start = time.perf_counter()
        Trainer(
            read_potential_input(path),
            path.parent,
            path.parent,
            torch.device("cpu"),
            say=lambda text: None,
            show=lambda status: ends.append(time.perf_counter()),
        ).run()
    return {
        "first": ends[0] - start,
        "speed": (steps - 1 - WARM_UP) / (ends[-1] - ends[WARM_UP]),
        "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "anonymous": max(peak) / 1024,
        "before": before / 1024,
    }


def _watch(peak: list[int]) -> None:
    while True:
        peak[0] = max(peak[0], _anonymous())
        time.sleep(0.02)


def _anonymous() -> int:
    """Memory of this process that is no file, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def run(system: Path, steps: int, threads: int) -> Result:
    """Train in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--alone", str(system), str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"The training failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure for each number of frames; bad arguments end the program with code 2."""
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(train(Path(sys.argv[2]), int(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description="Start and memory of a training on many frames.")
    parser.add_argument("--water", type=Path, default=Path(os.environ.get("DEEPAW_WATER", "../shared/data/water")))
    parser.add_argument("--frames", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--steps", type=int, default=300, help=f"more than {WARM_UP + 2}")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if missing := [name for name in TRAINED_ON if not (given.water / name / "type.raw").is_file()]:
        parser.error(f"{given.water} has no system {missing[0]}; give the folder of data_0 to data_2 with --water")
    if given.steps <= WARM_UP + 2 or min(given.frames) < 1:
        parser.error(f"there should be at least one frame and more than {WARM_UP + 2} steps")
    print(f"{given.steps} steps, {given.threads} threads; first: seconds to the end of the first step; MiB at most")
    print(f"{'frames':>8s}{'scan':>8s}{'first':>8s}{'steps/s':>9s}{'resident':>10s}{'anonymous':>11s}{'at start':>10s}")
    with tempfile.TemporaryDirectory() as folder:
        for nframes in given.frames:
            system = Path(folder) / str(nframes)
            write_frames(given.water, system, nframes)
            for scan in ("new", "kept"):
                found = run(system, given.steps, given.threads)
                print(
                    f"{nframes:8d}{scan:>8s}{found['first']:8.1f}{found['speed']:9.1f}{found['resident']:10.0f}"
                    f"{found['anonymous']:11.0f}{found['before']:10.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
