"""Replicas on a Ray cluster, or on a Ray of this machine alone."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, HTTPOptions, RequestRouterConfig
from ray.serve.schema import ApplicationStatus

from deepaw.errors import InputError
from deepaw.server.front.config import Limits
from deepaw.server.process.config import ServerConfig
from deepaw.server.process.home import Home
from deepaw.server.process.keys import server_keys
from deepaw.server.process.sockets import bind_tcp
from deepaw.server.replicas.config import ReplicaSettings
from deepaw.server.scheduler.interface import ModelInfo
from deepaw.server.worker.interface import WorkerConfig

NAME = "deepaw"

ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
"""Requests with one X-Session-Id go to one replica: jobs and kept structures are there and nowhere else."""

BUSY = 8
"""Requests in each replica above which more replicas are wanted: enough to be joined into batches."""

GRACE = 30.0
"""Seconds for what runs when a replica is ended."""

ATTEMPTS = 2
"""To start a replica."""

PULSE = 0.25
"""Seconds between two looks at how far the replicas are."""


def serve_replicas(config: ServerConfig, settings: ReplicaSettings, say: Callable[[str], None]) -> None:
    """Put replicas on the Ray cluster that there is, and return when they are ready; or start a Ray on this machine and
    stay until a signal says stop.

    Raises InputError: a model cannot be loaded, a port is taken, a replica does not start.
    """
    start = time.perf_counter()
    home = Home(Path(config.home))
    home.make()
    keys = server_keys(home.keys)
    models = _models(config)
    ours = _connect(config, settings)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # after Ray has set its own
        signal.signal(number, lambda *_: stopped.set())
    try:
        _deploy(config, settings, keys, models)
        if _is_ready(stopped):
            lines = [f"{model.name:<10} {model.kind}, {model.hash[:16]}" for model in models]
            lines += [
                f"replicas   {settings.count}",
                f"keys       {home.keys}",
                f"address    http://{config.host}:{config.port}",
                f"ready      after {time.perf_counter() - start:.1f} s",
            ]
            say("\n".join(lines))
            while ours and not stopped.wait(PULSE):  # a signal that another thread of Ray's gets does not end a wait
                pass
    finally:
        if ours:
            serve.shutdown()
            ray.shutdown()


def _models(config: ServerConfig) -> Sequence[ModelInfo]:
    """Loaded once here: what is wrong with them is said before anything is started."""
    from deepaw.server.worker.models import load_model

    of_worker = WorkerConfig("cpu", config.density_precision, config.potential_precision)
    return [load_model(name, path, of_worker).info for name, path in config.models.items()]


def _connect(config: ServerConfig, settings: ReplicaSettings) -> bool:
    """To the cluster that there is, or else to a new one; returns whether it is new."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init("auto", **quiet)
        return False
    except ConnectionError:
        pass
    assert config.port is not None
    bind_tcp(config.host, config.port).close()
    ray.init(include_dashboard=False, **quiet)
    found = ray.cluster_resources().get("GPU", 0)
    wanted = settings.gpus * settings.count.least
    if wanted > found:
        ray.shutdown()
        raise InputError(f"The replicas need {wanted:g} GPUs together, and this machine has {found:g}.")
    return True


def _deploy(
    config: ServerConfig, settings: ReplicaSettings, keys: tuple[str, ...], models: Sequence[ModelInfo]
) -> None:
    """Replicas of another configuration that run already are replaced one after the other."""
    hashes = {model.name: model.hash for model in models}

    def application() -> object:
        from deepaw.server.replicas.application import ReplicaApplication

        return ReplicaApplication(config, keys, hashes)

    count = settings.count
    how_many = (
        {"num_replicas": count.least}
        if count.least == count.most
        else {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=count.least, max_replicas=count.most, target_ongoing_requests=BUSY
            )
        }
    )
    deployment = serve.deployment(
        serve.ingress(application)(),
        name=NAME,
        # the application itself refuses more than its limit, in the form of all its errors
        max_ongoing_requests=2 * Limits().requests,
        ray_actor_options={"num_gpus": settings.gpus},
        request_router_config=RequestRouterConfig(request_router_class=ROUTER),
        graceful_shutdown_timeout_s=GRACE,
        max_constructor_retry_count=ATTEMPTS,
        **how_many,
    )
    serve.start(http_options=HTTPOptions(host=config.host, port=config.port, location="EveryNode"))
    target = serve.RunTarget(deployment.bind(), name=NAME, route_prefix="/")
    serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)


def _is_ready(stopped: threading.Event) -> bool:
    """Waits for the first replicas; False where a signal comes before. Raises InputError: they do not start."""
    while not stopped.wait(PULSE):
        application = serve.status().applications.get(NAME)
        if application is not None and application.status == ApplicationStatus.RUNNING:
            return True
        if application is not None and application.status == ApplicationStatus.DEPLOY_FAILED:
            raise InputError("The replicas do not start; their logs, in logs/serve of the folder of Ray, say why.")
    return False
