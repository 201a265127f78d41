"""What a scheduler tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class SchedulerState:
    """For status and metrics. Counts are of all time unless said otherwise.

    state: starting, running, recovering (a worker is being replaced) or stopping. queued, running: jobs at the moment.
    queued_points, queued_atoms: what waits at the moment. served: jobs by how they ended. batches: evaluations of
    joined requests by kind, and batched, how many requests were in them. engine_seconds: by kind of work.
    halvings: batches that did not fit into the device's memory. restarts: of workers. memory_bytes: of each worker
    process, device_bytes: that its models and arrays take on the device. cuda_available: whether a worker sees a CUDA
    device, used or not.
    """

    state: Literal["starting", "running", "recovering", "stopping"]
    device: str
    precision: str
    queued: int = 0
    running: int = 0
    queued_points: int = 0
    queued_atoms: int = 0
    served: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    batched: dict[str, int] = field(default_factory=dict)
    engine_seconds: dict[str, float] = field(default_factory=dict)
    halvings: int = 0
    restarts: int = 0
    structures: int = 0
    structure_bytes: int = 0
    memory_bytes: int = 0
    device_bytes: int = 0
    worker_pids: tuple[int, ...] = ()
    cuda_available: bool = False
