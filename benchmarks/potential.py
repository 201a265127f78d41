"""How fast potentials are trained and evaluated beside DeePMD-kit, in one run.

    python -m venv .peer && .peer/bin/pip install 'deepmd-kit[cpu]==3.2.0'
    python benchmarks/potential.py --peer .peer/bin/python --water ../shared/data/water [--quick] [PART ...]

--peer (or DEEPAW_PEER): the Python that DeePMD-kit is installed for, with `dp` beside it. --water (or DEEPAW_WATER): a
folder with the water systems data_0 to data_3 of DeePMD-kit's example. --quick: few repetitions, one thread, no 12,288
atoms; it shows that everything runs, and its numbers mean little.

training: seconds a step of the water input (se_e2_a, one frame a batch), float64 and float32, 1 and 2 threads.
inference: energy, forces and virial of 192 to 12,288 atoms with neighbours, one thread, the peer's compressed model
and ours from the same weights, in turns, with atoms moved before every evaluation; peak memory; deviation from the
peer's uncompressed model. floor: the matrix products of the fitting net alone, and how far above them evaluation is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("training", "inference", "floor")
PRECISIONS = ("float64", "float32")
TRAINED_ON = ("data_0", "data_1", "data_2")
FRAMES = 320
"""In the training systems; once each was drawn, steps need no neighbours any more."""

MOVED = 0.01
"""A: how far atoms are moved at random before an evaluation, so that no neighbour list serves twice."""

FLOOR_ROWS = (128, 512, 2048)
"""Atoms in one product; the fastest counts."""

REPLY = "@reply "


@dataclass
class Run:
    """What was asked for, where temporary files go, and what later parts need of earlier ones."""

    peer: Path
    water: Path
    folder: Path
    quick: bool
    models: dict[str, Path] = field(default_factory=dict)
    """By precision: a folder with the peer's g.pb, gc.pb (compressed) and g.dp."""
    seconds_per_atom: dict[tuple[str, str], float] = field(default_factory=dict)
    """By program and precision, of evaluating the largest frame: the least."""

    def environment(self, threads: int, between: int = 1) -> dict[str, str]:
        """For children. between: operations that the peer's TensorFlow runs at a time."""
        counts = {"OMP_NUM_THREADS": threads, "DP_INTRA_OP_PARALLELISM_THREADS": threads}
        counts |= {"TF_INTRA_OP_PARALLELISM_THREADS": threads, "MKL_NUM_THREADS": threads}
        counts |= {"DP_INTER_OP_PARALLELISM_THREADS": between, "TF_INTER_OP_PARALLELISM_THREADS": between}
        quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        return os.environ | quiet | {name: str(count) for name, count in counts.items()}

    def dp(self, folder: Path, *arguments: str, threads: int = 1, between: int = 1) -> str:
        """Run the peer's program; what it said."""
        command = [str(self.peer.with_name("dp")), *arguments]
        environment = self.environment(threads, between)
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"'dp {' '.join(arguments)}' failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout + done.stderr


class Worker:
    """This file in a process of its own, of either program, that answers requests one at a time."""

    def __init__(self, run: Run, python: Path | str, *arguments: str, threads: int = 1) -> None:
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", __file__, "--alone", *arguments],
            env=run.environment(threads),
            cwd=run.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._name = " ".join(arguments)

    def ask(self, **request: Any) -> Any:
        """Its reply."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(REPLY):
                return json.loads(line[len(REPLY) :])
        sys.exit(f"'{sys.executable} {__file__} --alone {self._name}' stopped without an answer.")

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def answer(function: Callable[..., Any]) -> None:
    """The other end of a `Worker`: reply to every line of the input."""
    for line in sys.stdin:
        print(REPLY + json.dumps(function(**json.loads(line))), flush=True)


def water_input(water: Path, precision: str, steps: int, shown: int) -> dict[str, Any]:
    """The water example with batches of one frame. shown: the peer averages over the steps after that many."""
    descriptor = {"type": "se_e2_a", "sel": [46, 92], "rcut_smth": 0.5, "rcut": 6.0, "neuron": [25, 50, 100]}
    descriptor |= {"resnet_dt": False, "axis_neuron": 16, "type_one_side": True, "precision": precision, "seed": 1}
    fitting = {"neuron": [240, 240, 240], "resnet_dt": True, "precision": precision, "seed": 1}
    rate = {"type": "exp", "decay_steps": max(1, steps // 20), "start_lr": 0.001, "stop_lr": 3.5e-8}
    loss = {"type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1}
    data = {"systems": [str(water / name) for name in TRAINED_ON], "batch_size": 1}
    return {
        "model": {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": fitting},
        "learning_rate": rate,
        "loss": loss | {"start_pref_v": 0, "limit_pref_v": 0},
        "training": {"training_data": data, "numb_steps": steps, "seed": 10, "disp_freq": shown, "save_freq": 10**6},
    }


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


def peer_models(run: Run, precision: str) -> Path:
    """The folder with the peer's model, frozen, compressed, and as one that we read."""
    folder = run.models.get(precision, run.folder / f"model-{precision}")
    if not folder.exists():
        train_peer(run, folder, precision, 20)
        run.models[precision] = folder
    if not (folder / "g.dp").exists():
        run.dp(folder, "--tf", "freeze", "-o", "g.pb")
        with ThreadPoolExecutor() as both:
            jobs = [
                both.submit(run.dp, folder, "--tf", "compress", "-t", "input.json", "-i", "g.pb", "-o", "gc.pb"),
                both.submit(run.dp, folder, "convert-backend", "g.pb", "g.dp"),
            ]
            [job.result() for job in jobs]
    return folder


def supercell(water: Path, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (natoms, 3) and cell (3, 3), A, and types of frame 0 of data_3, repeated, with atoms moved."""
    system = water / "data_3"
    cell = np.load(system / "set.000" / "box.npy")[0].reshape(3, 3).astype(float)
    coord = np.load(system / "set.000" / "coord.npy")[0].reshape(-1, 3).astype(float)
    types = np.loadtxt(system / "type.raw", dtype=int)
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    everywhere = (shifts[:, None] + coord).reshape(-1, 3)
    everywhere += MOVED * np.random.default_rng(seed).uniform(-1, 1, everywhere.shape)
    return everywhere, copies * cell, np.tile(types, copies**3)


def answer_inference(program: str, model: str, precision: str, water: str) -> None:
    """Seconds of an evaluation through `DeepPot` of either program; with `numbers` also what it found."""
    if program == "peer":
        from deepmd.infer import DeepPot  # type: ignore[import-not-found]

        potential = DeepPot(model)
    else:
        from deepaw.infer import DeepPot as Ours

        potential = Ours(model, precision)

    def evaluate(copies: int, seed: int, numbers: bool = False) -> dict[str, Any]:
        coord, cell, types = supercell(Path(water), copies, seed)
        start = time.perf_counter()
        energy, force, _ = potential.eval(coord.reshape(1, -1), cell.reshape(1, 9), types)[:3]
        reply: dict[str, Any] = {"seconds": time.perf_counter() - start}
        reply["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        if numbers:
            reply |= {"energy": float(energy.ravel()[0]), "force": np.asarray(force).reshape(-1, 3).tolist()}
        return reply

    answer(evaluate)


def run_inference(run: Run) -> None:
    """Both programs in turns, then numbers."""
    sizes = ((1, 4), (2, 2)) if run.quick else ((1, 40), (2, 20), (4, 6))
    print("us an atom, least (median) of evaluations in turns, 1 thread; GB, peak memory of the process so far")
    print(
        f"{'precision':10s}{'atoms':>7s}{'peer':>18s}{'ours':>18s}{'ratio':>8s}{'(medians)':>10s}{'peer':>8s}{'ours':>8s}"
    )
    with ThreadPoolExecutor() as together:
        folders = list(together.map(lambda precision: peer_models(run, precision), PRECISIONS))
    deviations = []
    for precision, folder in zip(PRECISIONS, folders, strict=True):
        rest = (precision, str(run.water))
        workers = {
            "peer": Worker(run, run.peer, "inference", "peer", str(folder / "gc.pb"), *rest),
            "ours": Worker(run, sys.executable, "inference", "ours", str(folder / "g.dp"), *rest),
        }
        for copies, times in sizes:
            replies: dict[str, list[Any]] = {name: [] for name in workers}
            for turn in range(times + 1):
                for name, worker in workers.items():
                    replies[name].append(worker.ask(copies=copies, seed=turn))
            natoms = 192 * copies**3
            least, middle, text = {}, {}, f"{precision:10s}{natoms:7,d}"
            for name, found in replies.items():
                each = np.array([reply["seconds"] for reply in found[1:]]) / natoms
                least[name], middle[name] = float(each.min()), float(np.median(each))
                text += f"{1e6 * least[name]:9.1f} {f'({1e6 * middle[name]:.1f})':>8s}"
                run.seconds_per_atom[name, precision] = least[name]
            text += f"{least['peer'] / least['ours']:8.2f}{middle['peer'] / middle['ours']:10.2f}"
            text += "".join(f"{found[-1]['memory']:8.2f}" for found in replies.values())
            print(text, flush=True)
        deviations.append(deviation(run, folder, precision, workers))
        for worker in workers.values():
            worker.close()
    print("\nlargest deviation from the peer's uncompressed model of the same precision, 192 atoms")
    print("\n".join(deviations))


def deviation(run: Run, folder: Path, precision: str, workers: dict[str, Worker]) -> str:
    """A line: energy an atom and forces of the compressed peer and of ours against the uncompressed peer."""
    plain = Worker(run, run.peer, "inference", "peer", str(folder / "g.pb"), precision, str(run.water))
    expected = plain.ask(copies=1, seed=0, numbers=True)
    plain.close()
    forces, text = np.array(expected["force"]), f"{precision:10s}"
    for name, worker in workers.items():
        found = worker.ask(copies=1, seed=0, numbers=True)
        energy = abs(found["energy"] - expected["energy"]) / len(forces)
        force = np.abs(np.array(found["force"]) - forces).max()
        text += f"{'peer, compressed' if name == 'peer' else 'ours'}: {energy:.1e} eV an atom, {force:.1e} eV/A   "
    return f"{text}(largest force {np.abs(forces).max():.2f} eV/A)"


def answer_floor(model: str, precision: str, water: str) -> None:
    """Seconds an atom of the fitting net's products, as wide as the descriptor and as narrow as we fold it."""

    def measure() -> dict[str, Any]:
        import torch

        from deepaw.potential.engine.engine import PotentialEngine
        from deepaw.potential.files.formats import read_potential

        potential = read_potential(model)
        sizes = PotentialEngine(potential, precision).sizes()
        share = np.bincount(supercell(Path(water), 1, 0)[2], minlength=len(sizes)) / 192
        neurons, dtype = potential.config.fitting_net.neuron, getattr(torch, precision)

        def seconds(width: int) -> float:
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
                        torch.mm(left, right)
                    best = min(best, (time.perf_counter() - start) / rows)
            return best

        folded = [sum(size.features for size in of_kind) for of_kind in sizes]
        ours = sum(part * seconds(width) for part, width in zip(share, folded, strict=True))
        wide = sum(size.width for size in sizes[0])
        return {"wide": wide, "peer": seconds(wide), "folded": folded, "ours": float(ours)}

    answer(measure)


def run_floor(run: Run) -> None:
    """What the products alone take beside what evaluation takes."""
    print("us an atom: products forward and backward by torch.mm, 1 thread, beside evaluating the largest frame above")
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


def read_arguments() -> argparse.Namespace:
    """Of the command line; a peer or data that are not there end the program with code 2."""
    parser = argparse.ArgumentParser(description="Potentials beside DeePMD-kit 3.2.0.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--peer", type=Path, default=Path(os.environ.get("DEEPAW_PEER", ".peer/bin/python")))
    parser.add_argument("--water", type=Path, default=Path(os.environ.get("DEEPAW_WATER", "../shared/data/water")))
    parser.add_argument("--quick", action="store_true", help="few repetitions: does everything run?")
    given = parser.parse_args()
    refusal = None
    if unknown := [name for name in given.parts if name not in PARTS]:
        refusal = f"There is no part {unknown[0]}; the parts are {', '.join(PARTS)}."
    elif not given.peer.is_file() or not given.peer.with_name("dp").is_file():
        refusal = f"{given.peer} is no Python with DeePMD-kit's dp beside it; give one with --peer."
    elif missing := [name for name in (*TRAINED_ON, "data_3") if not (given.water / name / "type.raw").is_file()]:
        refusal = f"{given.water} has no water system {missing[0]}; give the folder of data_0 to data_3 with --water."
    if refusal is not None:
        print(refusal, file=sys.stderr)
        sys.exit(2)
    return given


def main() -> None:
    """Run the parts named, or all of them."""
    if len(sys.argv) > 2 and sys.argv[1] == "--alone":
        {"training": answer_training, "inference": answer_inference, "floor": answer_floor}[sys.argv[2]](*sys.argv[3:])
        return
    given = read_arguments()
    # not resolved: the Python of a virtual environment is a link
    peer, water = Path.cwd() / given.peer, given.water.resolve()
    asked = "import importlib.metadata as m; print(m.version('deepmd-kit'), m.version('tensorflow-cpu'))"
    versions = subprocess.run([peer, "-c", asked], capture_output=True, text=True, check=False).stdout.split()
    print(json.dumps({"peer": versions, "python": platform.python_version(), "processors": os.cpu_count()}))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(peer, water, Path(folder), given.quick)
        for name in given.parts or PARTS:
            print(f"\n{name}", flush=True)
            {"training": run_training, "inference": run_inference, "floor": run_floor}[name](run)


if __name__ == "__main__":
    main()
