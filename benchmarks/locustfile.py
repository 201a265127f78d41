"""Load on your own server, with Locust (pip install locust).

    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8265

DEEPAW_API_KEY: a key, for a server on another machine. DEEPAW_POTENTIAL: the name of a potential that it serves, whose
energies are asked for too, with its first type.
"""

from __future__ import annotations

import os

import numpy as np
from ase.build import bulk
from locust import HttpUser, between, task

from deepaw.server import dict_to_binary

MESSAGE = {"Content-Type": "application/msgpack"}
POTENTIAL = os.environ.get("DEEPAW_POTENTIAL")


def crystal() -> dict[str, np.ndarray]:
    """Magnesium oxide, a little different each time."""
    atoms = bulk("MgO", "rocksalt", a=np.random.default_rng().uniform(4.1, 4.3), cubic=True)
    return {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array, "pbc": atoms.pbc}


class Someone(HttpUser):
    """Asks for densities on small and large grids, at points, for energies, and for the state."""

    wait_time = between(0.0, 0.1)

    def on_start(self) -> None:
        """The key goes with every request."""
        if key := os.environ.get("DEEPAW_API_KEY"):
            self.client.headers["X-API-Key"] = key

    @task(5)
    def points(self) -> None:
        """A density at 1,000 points."""
        points = np.random.default_rng().uniform(high=4.0, size=(1000, 3))
        self._infer({"kind": "density", "atoms": crystal(), "points": points}, "points")

    @task(3)
    def small_grid(self) -> None:
        """A density on 24^3 points."""
        self._infer({"kind": "density", "atoms": crystal(), "grid_shape": [24, 24, 24]}, "24^3")

    @task(1)
    def large_grid(self) -> None:
        """A density on 80^3 points."""
        self._infer({"kind": "density", "atoms": crystal(), "grid_shape": [80, 80, 80]}, "80^3")

    @task(5)
    def energy(self) -> None:
        """Of ten atoms."""
        if POTENTIAL:
            coord = np.random.default_rng().uniform(high=10.0, size=(1, 10, 3))
            cell, types = np.eye(3)[None] * 10.0, np.zeros(10, np.int64)
            message = {"kind": "potential", "coord": coord, "cell": cell, "types": types, "model": POTENTIAL}
            self._infer(message, "energy")

    @task(1)
    def status(self) -> None:
        """The state of the server."""
        self.client.get("/status")

    def _infer(self, message: dict, name: str) -> None:
        self.client.post("/infer", data=dict_to_binary(message), headers=MESSAGE, name=f"/infer {name}")
