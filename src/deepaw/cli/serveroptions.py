"""Options that servers have in common, however they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepaw.errors import InputError

if TYPE_CHECKING:
    from deepaw.server.process.config import ServerConfig

MODELS, ADDRESS, SAFETY = "Models", "Where it listens", "Safety and limits"

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A bundled model or a model file; may be repeated.", rich_help_panel=MODELS),
]
CheckpointDir = Annotated[Path | None, typer.Option(help="Where models are looked for.", rich_help_panel=MODELS)]
Precision = Annotated[
    str,
    typer.Option(
        help="tight, default or fast of densities; float64, float32 or exact of potentials.", rich_help_panel=MODELS
    ),
]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="Densities by torch.compile; the first start takes longer.", rich_help_panel=MODELS),
]
BatchSize = Annotated[
    int,
    typer.Option(
        min=0,
        help="Most points or atoms of small requests that are worked on together; 0: as many as suit.",
        rich_help_panel=MODELS,
    ),
]
DataDirs = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-dir", help="Folder of databases and models for HTTP; may be repeated.", rich_help_panel=SAFETY
    ),
]
MaxAtoms = Annotated[int | None, typer.Option(help="Of a request.", rich_help_panel=SAFETY)]
MaxPoints = Annotated[int | None, typer.Option(help="Of an answer that is not streamed.", rich_help_panel=SAFETY)]
MaxBody = Annotated[int | None, typer.Option(help="Bytes of a request.", rich_help_panel=SAFETY)]
MaxSeconds = Annotated[float | None, typer.Option(help="Until an answer.", rich_help_panel=SAFETY)]


def server_config(
    model: list[str] | None, checkpoint_dir: Path | None, precision: str, data_dir: list[Path] | None, **settings: Any
) -> ServerConfig:
    """What the options come to; settings: fields of `ServerConfig` that are taken as they are.

    Raises InputError: a folder, a model or a precision that there is not.
    """
    from deepaw.server.process.config import ServerConfig, find_models, find_precisions
    from deepaw.server.process.home import find_home

    folders = _data_dirs(data_dir, checkpoint_dir)
    of_densities, of_potentials = find_precisions(precision)
    return ServerConfig(
        home=str(find_home().path),
        models=find_models(model or [], checkpoint_dir),
        density_precision=of_densities,
        potential_precision=of_potentials,
        data_dirs=folders,
        **settings,
    )


def _data_dirs(given: list[Path] | None, checkpoint_dir: Path | None) -> tuple[str, ...]:
    for folder in given or []:
        if not folder.is_dir():
            raise InputError(f"--data-dir {folder} is not a folder.")
    folders = [*(given or []), *([checkpoint_dir] if checkpoint_dir is not None else [])]
    return tuple(str(folder.resolve()) for folder in folders)
