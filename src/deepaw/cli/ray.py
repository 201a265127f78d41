"""`deepaw-server ray`: the server as replicas, by Ray Serve."""

from __future__ import annotations

from typing import Annotated

import typer

from deepaw.cli import serveroptions as options
from deepaw.cli.serveroptions import ADDRESS

REPLICAS = "Replicas"


def ray(
    replicas: Annotated[
        str,
        typer.Option(metavar="MIN[:MAX]", help="How many; between two, as the load asks.", rich_help_panel=REPLICAS),
    ] = "1",
    gpus_per_replica: Annotated[
        float, typer.Option(help="0 for the CPU; a part of 1 where replicas share one.", rich_help_panel=REPLICAS)
    ] = 0.0,
    port: Annotated[
        int, typer.Option(min=1, help="Of HTTP; 8265 is that of Ray's dashboard.", rich_help_panel=ADDRESS)
    ] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=ADDRESS)] = "0.0.0.0",
    model: options.Models = None,
    checkpoint_dir: options.CheckpointDir = None,
    precision: options.Precision = "default",
    compile: options.Compile = False,
    batch_size: options.BatchSize = 0,
    data_dir: options.DataDirs = None,
    max_atoms: options.MaxAtoms = None,
    max_points: options.MaxPoints = None,
    max_body: options.MaxBody = None,
    max_seconds: options.MaxSeconds = None,
) -> None:
    """Start replicas on the Ray cluster that there is, or on this machine; every request over them needs a key."""
    from deepaw.errors import InputError

    try:
        from deepaw.server.replicas.cluster import serve_replicas
    except ModuleNotFoundError as error:
        raise InputError(f"Replicas need {error.name}; install it with: pip install 'deepaw[ray]'") from None
    from deepaw.server.replicas.config import ReplicaCount, ReplicaSettings

    settings = ReplicaSettings(ReplicaCount.parse(replicas), gpus_per_replica)
    config = options.server_config(
        model,
        checkpoint_dir,
        precision,
        data_dir,
        host=host,
        port=port,
        device=settings.devices,
        compile=compile,
        batch_size=batch_size,
        require_key="always",
        max_atoms=max_atoms,
        max_points=max_points,
        max_body=max_body,
        max_seconds=max_seconds,
    )
    serve_replicas(config, settings, lambda text: print(text, flush=True))
