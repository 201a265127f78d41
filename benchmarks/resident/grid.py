"""An 80^3 density through the server, beside the time of the engine."""

from __future__ import annotations

import time
from statistics import median

from deepaw import InferenceEngine
from resident.running import Settings, rattled, running

SHAPE = (80, 80, 80)
FIXED, SHARE = 0.003, 0.02
"""What may be added: seconds, and a share of the engine's time."""


def run_grid(settings: Settings) -> None:
    """In turns over both ways and in this process, each time for another structure, so that nothing is known of it.

    The engine's time is that which comes with the same answer, `elapsed`: what else the machine does then disturbs
    both alike. The same in this process, without a server, is printed beside it.
    """
    engine = InferenceEngine("fast")
    engine.predict(rattled(0), SHAPE)
    rounds = 3 if settings.quick else 15
    with running(settings, "fast") as server:
        ways = {"socket": server.client(), "HTTP": server.client(http=True)}
        for client in ways.values():
            client.predict(rattled(0), SHAPE)
        whole: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        alone = []
        for turn in range(rounds):
            atoms = rattled(turn + 1)
            start = time.perf_counter()
            engine.predict(atoms, SHAPE)
            alone.append(time.perf_counter() - start)
            for number, (name, client) in enumerate(ways.items(), 1):
                atoms = rattled(1000 * number + turn)
                start = time.perf_counter()
                answer = client.predict(atoms, SHAPE)
                whole[name].append((time.perf_counter() - start, answer["elapsed"]))
    print(f"  engine in this process: {1e3 * median(alone):.1f} ms (median of {rounds}), best {1e3 * min(alone):.1f}")
    for name, pairs in whole.items():
        added = sorted(seconds - inside for seconds, inside in pairs)
        inside = median(elapsed for _, elapsed in pairs)
        most = FIXED + SHARE * inside
        print(
            f"  {name:7s}{1e3 * median(seconds for seconds, _ in pairs):.1f} ms, engine {1e3 * inside:.1f} ms of it; "
            f"added {1e3 * median(added):.2f} ms (median), {1e3 * added[0]:.2f} (best), {1e3 * added[-1]:.2f} (worst); "
            f"aim {1e3 * most:.2f} ms: {'met' if median(added) <= most else 'missed'}",
            flush=True,
        )
