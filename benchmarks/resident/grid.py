"""An 80^3 density through the server, beside the time of the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from ase import Atoms

from deepaw import InferenceEngine
from deepaw.server import DeePAWClient
from resident.running import Settings, fluorite, rattled, running

SHAPE = (80, 80, 80)
FIXED, SHARE = 0.003, 0.02
"""What may be added: seconds, and a share of the engine's time."""


def run_grid(settings: Settings) -> None:
    """Of structures without symmetry, each another one, so that nothing is known of it; and of one crystal again and
    again, which takes the engine least.

    In turns over both ways and in this process. The engine's time is that which comes with the same answer, `elapsed`:
    what else the machine does then disturbs both alike. The same in this process, without a server, is printed beside.
    """
    engine = InferenceEngine("fast")
    rounds = 3 if settings.quick else 15
    with running(settings, "fast") as server:
        ways = {"socket": server.client(), "HTTP": server.client(http=True)}
        _measure("without symmetry", engine, ways, rattled, rounds)
        _measure("a crystal", engine, ways, lambda seed: fluorite(), 4 * rounds)


def _measure(
    name: str, engine: InferenceEngine, ways: dict[str, DeePAWClient], structure: Callable[[int], Atoms], rounds: int
) -> None:
    whole: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    alone = []
    for turn in range(-1, rounds):  # the first is not counted
        start = time.perf_counter()
        engine.predict(structure(turn + 1), SHAPE)
        alone.append(time.perf_counter() - start)
        for number, (way, client) in enumerate(ways.items(), 1):
            atoms = structure(1000 * number + turn)
            start = time.perf_counter()
            answer = client.predict(atoms, SHAPE)
            whole[way].append((time.perf_counter() - start, answer["elapsed"]))
    print(f"  {name}: engine in this process {1e3 * median(alone[1:]):.1f} ms (median of {rounds})")
    for way, pairs in whole.items():
        added = sorted(seconds - inside for seconds, inside in pairs[1:])
        inside = median(elapsed for _, elapsed in pairs[1:])
        most = FIXED + SHARE * inside
        print(
            f"    {way:7s}engine {1e3 * inside:.1f} ms; "
            f"added {1e3 * median(added):.2f} ms (median), {1e3 * added[0]:.2f} (best), {1e3 * added[-1]:.2f} (worst); "
            f"aim {1e3 * most:.2f} ms: {'met' if median(added) <= most else 'missed'}",
            flush=True,
        )
