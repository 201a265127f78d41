"""Figures in the form that Prometheus collects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from deepaw.server.scheduler.interface import ModelInfo
from deepaw.server.scheduler.state import SchedulerState

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
METHODS = {"GET", "POST", "DELETE"}


class Metrics:
    """Requests are counted here; the rest is asked of the scheduler whenever somebody collects."""

    def __init__(self, state: Callable[[], SchedulerState], models: Callable[[], list[ModelInfo]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "deepaw_requests", "Requests answered", ["endpoint", "method", "status"], registry=self._registry
        )
        self._latency = Histogram(
            "deepaw_request_seconds", "Time of a request", ["endpoint"], buckets=SECONDS, registry=self._registry
        )
        self._errors = Counter("deepaw_errors", "Requests refused or failed", ["kind"], registry=self._registry)
        self._registry.register(_SchedulerCollector(state, models))

    def request(self, endpoint: str, method: str, status: int, seconds: float, error: str | None) -> None:
        """One more request has ended."""
        self._requests.labels(endpoint, method if method in METHODS else "other", str(status)).inc()
        self._latency.labels(endpoint).observe(seconds)
        if error is not None:
            self._errors.labels(error).inc()

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self._registry)


class _SchedulerCollector(Collector):
    def __init__(self, state: Callable[[], SchedulerState], models: Callable[[], list[ModelInfo]]) -> None:
        self._state = state
        self._models = models
        self._start = time.time()

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        state = self._state()
        gauges = {
            "start_time_seconds": ("When the server was started", self._start),
            "ready": ("1 while requests are taken", float(state.state == "running")),
            "queue_requests": ("Requests that wait", state.queued),
            "running_requests": ("Requests that are worked on", state.running),
            "queue_points": ("Points that wait", state.queued_points),
            "queue_atoms": ("Atoms that wait", state.queued_atoms),
            "structures": ("Structures kept", state.structures),
            "structure_bytes": ("Bytes of structures kept", state.structure_bytes),
            "worker_memory_bytes": ("Memory of the worker processes", state.memory_bytes),
            "device_memory_bytes": ("Memory on the device", state.device_bytes),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"deepaw_{name}", text, value)
        yield CounterMetricFamily("deepaw_memory_halvings", "Batches halved for lack of memory", state.halvings)
        yield CounterMetricFamily("deepaw_worker_restarts", "Workers replaced", state.restarts)
        counters: dict[str, tuple[str, str, Mapping[str, float]]] = {
            "jobs": ("Jobs by how they ended", "state", state.served),
            "batches": ("Evaluations", "kind", state.batches),
            "batched_requests": ("Requests in these evaluations", "kind", state.batched),
            "engine_seconds": ("Time in the engine", "kind", state.engine_seconds),
        }
        for name, (text, label, values) in counters.items():
            family = CounterMetricFamily(f"deepaw_{name}", text, labels=[label])
            for key, value in values.items():
                family.add_metric([key], value)
            yield family
        info = GaugeMetricFamily("deepaw_model", "Models that are loaded", labels=["name", "kind", "hash"])
        for model in self._models():
            info.add_metric([model.name, model.kind, model.hash], 1)
        yield info
