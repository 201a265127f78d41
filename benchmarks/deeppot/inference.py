"""Microseconds an atom of energy, forces and virial, from the same weights."""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from deeppot.run import Run, Worker, answer
from deeppot.training import PRECISIONS, train_peer
from deeppot.water import supercell


def peer_models(run: Run, precision: str, steps: int = 20) -> Path:
    """The folder with the peer's model, trained for some steps, frozen, compressed, and as one that we read."""
    folder = run.models.get(precision, run.folder / f"model-{precision}")
    if not folder.exists():
        train_peer(run, folder, precision, steps)
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
