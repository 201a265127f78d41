"""`deepaw-server`: start, stop and ask after the server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli import serveroptions as options
from deepaw.cli.ray import ray
from deepaw.cli.run import run
from deepaw.cli.serveroptions import ADDRESS, MODELS, SAFETY

app = typer.Typer(
    help="Models that are loaded once and answer many.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
app.command()(ray)


class RequireKey(StrEnum):
    """Who needs a key."""

    REMOTE = "remote"
    ALWAYS = "always"


@app.command()
def start(
    port: Annotated[int, typer.Option(help="Of HTTP; 0 for any free one.", rich_help_panel=ADDRESS)] = 8265,
    host: Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=ADDRESS)] = "0.0.0.0",
    no_http: Annotated[bool, typer.Option("--no-http", help="The Unix socket alone.", rich_help_panel=ADDRESS)] = False,
    socket: Annotated[
        Path | None, typer.Option(help="Unix socket; default: server.sock in ~/.deepaw.", rich_help_panel=ADDRESS)
    ] = None,
    model: options.Models = None,
    checkpoint_dir: options.CheckpointDir = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda or cuda:N, or several with commas.", rich_help_panel=MODELS)
    ] = "cpu",
    precision: options.Precision = "default",
    compile: options.Compile = False,
    batch_size: options.BatchSize = 0,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="Go to the background once it is ready.", rich_help_panel=ADDRESS)
    ] = False,
    data_dir: options.DataDirs = None,
    require_key: Annotated[
        RequireKey, typer.Option(help="Keys from other machines, or always.", rich_help_panel=SAFETY)
    ] = RequireKey.REMOTE,
    max_atoms: options.MaxAtoms = None,
    max_points: options.MaxPoints = None,
    max_body: options.MaxBody = None,
    max_seconds: options.MaxSeconds = None,
) -> None:
    """Start a server; says when it is ready."""
    config = options.server_config(
        model,
        checkpoint_dir,
        precision,
        data_dir,
        socket=None if socket is None else str(socket.absolute()),
        host=host,
        port=None if no_http else port,
        device=device,
        compile=compile,
        batch_size=batch_size,
        require_key=require_key.value,
        max_atoms=max_atoms,
        max_points=max_points,
        max_body=max_body,
        max_seconds=max_seconds,
    )
    if daemon:
        from deepaw.server.process.daemon import start_daemon

        print(start_daemon(config))
    else:
        from deepaw.server.process.serve import serve

        serve(config, lambda text: print(text, flush=True))


@app.command()
def stop(
    grace: Annotated[float, typer.Option(help="Seconds for what is running.")] = 30.0,
) -> None:
    """Stop the server once it has finished what is running."""
    from deepaw.server.process.home import find_home
    from deepaw.server.process.stop import stop_server

    print(stop_server(find_home(), grace))


@app.command()
def status() -> None:
    """How the server is; exits with 1 where there is none."""
    from deepaw.server.client import DeePAWClient, ServerError
    from deepaw.server.process.home import find_home
    from deepaw.server.process.instance import find_instance

    home = find_home()
    live = find_instance(home)
    if live is None:
        print(f"state      not running in {home.path}")
        raise typer.Exit(1)
    try:
        found = DeePAWClient(socket_path=live.socket, timeout=10.0).status()
    except ServerError as error:
        print(f"state      PID {live.pid} does not answer: {error}")
        raise typer.Exit(1) from None
    for key, text in _rows(found, str(live.socket), live.url):
        print(f"{key:<10} {text}")


def _rows(found: dict, socket: str, url: str) -> list[tuple[str, str]]:
    queue, memory = found["queue"], found["memory"]
    served = ", ".join(f"{count} {state}" for state, count in found["served"].items())
    return [
        ("state", found["status"]),
        ("pid", str(found["pid"])),
        ("device", f"{found['device']}, {found['precision']}"),
        *[("model", f"{model['name']}, {model['kind']}, {model['hash']}") for model in found["models"]],
        ("uptime", f"{found['uptime']:.0f} s"),
        (
            "queue",
            f"{queue['queued']} waiting, {queue['running']} running, {queue['points']} points, {queue['atoms']} atoms",
        ),
        ("served", served or "nothing yet"),
        ("memory", ", ".join(f"{count / 2**20:.0f} MB {what}" for what, count in memory.items())),
        ("socket", socket),
        *([("address", url)] if url else []),
    ]


def main() -> None:
    """The console script `deepaw-server`."""
    run(app)
