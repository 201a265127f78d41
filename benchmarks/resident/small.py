"""Many clients with small requests."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np

from deepaw import InferenceEngine
from deepaw.infer import DeepPot
from deepaw.server import dict_to_binary
from resident.running import Settings, rattled, running, small_frame

CLIENTS = (1, 8, 64)


def run_small(settings: Settings) -> None:
    """Requests a second, and how long each takes, over the socket; the engine alone beside them."""
    seconds = 1.5 if settings.quick else 5.0
    coord, cell, types = small_frame()
    atoms = rattled(0)
    points = np.random.default_rng(0).uniform(size=(1000, 3)) @ atoms.cell.array
    structure = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array, "pbc": atoms.pbc}
    messages: dict[str, dict[str, Any]] = {
        "10 atoms": {"kind": "potential", "coord": coord, "cell": cell, "types": types},
        "1,000 points": {"kind": "density", "atoms": structure, "points": points},
    }
    potential, prepared = DeepPot(settings.potential), InferenceEngine("fast").prepare(atoms)
    engines = {"10 atoms": lambda: potential.eval(coord, cell, types), "1,000 points": lambda: prepared.at(points)}
    for name, engine in engines.items():
        print(f"  {name:13s}engine in this process, one after the other: {_rate(engine):.0f} a second")
    for batches, options in (("joined", ()), ("one by one", ("--batch-size", "1"))):
        with running(settings, "fast", str(settings.potential), options=options) as server:
            for name, message in messages.items():
                for clients in CLIENTS:
                    request = as_request(message)
                    asyncio.run(load(server.socket, request, clients, 0.3))
                    latencies = asyncio.run(load(server.socket, request, clients, seconds))
                    print(f"  {name:13s}{batches:11s}{clients:3d} clients: {told(latencies, seconds)}", flush=True)


def as_request(message: dict[str, Any]) -> bytes:
    """The bytes of an HTTP request, without the name of the client."""
    body = dict_to_binary(message)
    head = (
        f"POST /infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: {len(body)}"
    )
    return f"{head}\r\nX-Client: NAME".encode() + b"\r\n\r\n" + body


async def load(socket: Path, request: bytes, clients: int, seconds: float) -> list[float]:
    """Each client asks again as soon as it is answered; how long each request took, in seconds."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_unix_connection(str(socket))
        mine = request.replace(b"NAME", b"client-%d" % number)
        while (start := time.perf_counter()) < end:
            writer.write(mine)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode() + (await reader.read(500)).decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            latencies.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(ask(number) for number in range(clients)))
    return latencies


def told(latencies: list[float], seconds: float) -> str:
    """Rate, median and 99th percentile."""
    low, high = np.percentile(latencies, [50, 99]) * 1e3
    return f"{len(latencies) / seconds:6.0f} a second, p50 {low:6.1f} ms, p99 {high:6.1f} ms"


def _rate(work: Any) -> float:
    work()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 1.0:
        work()
        count += 1
    return count / (time.perf_counter() - start)
