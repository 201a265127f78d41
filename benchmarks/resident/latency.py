"""Small requests while a large grid runs."""

from __future__ import annotations

import asyncio
import threading
import time

from resident.running import Settings, rattled, running, small_frame
from resident.small import as_request, load, told

SHAPE = (500, 500, 500)


def run_latency(settings: Settings) -> None:
    """One client asks for the energy of ten atoms, first alone and then beside another's stream of 500^3 points."""
    seconds = 3.0 if settings.quick else 10.0
    coord, cell, types = small_frame()
    request = as_request({"kind": "potential", "coord": coord, "cell": cell, "types": types})
    with running(settings, "fast", str(settings.potential)) as server:
        asyncio.run(load(server.socket, request, 1, 0.5))
        print(f"  alone:               {told(asyncio.run(load(server.socket, request, 1, seconds)), seconds)}")
        client, ended, taken = server.client(), threading.Event(), [0]

        def stream() -> None:
            def report(done: int, total: int) -> None:
                taken[0] = done

            pieces = client.stream(rattled(0, copies=2), SHAPE, progress=report)
            for _ in pieces:
                if ended.is_set():
                    pieces.close()
                    return

        grid = threading.Thread(target=stream)
        grid.start()
        while not taken[0]:
            time.sleep(0.01)
        before = taken[0]
        print(f"  beside a large grid: {told(asyncio.run(load(server.socket, request, 1, seconds)), seconds)}")
        print(f"  the grid meanwhile:  {(taken[0] - before) / seconds:,.0f} points a second", flush=True)
        ended.set()
        grid.join()
