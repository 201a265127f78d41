"""Options that servers have in common, however they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.errors import InputError

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


def data_dirs(given: list[Path] | None, checkpoint_dir: Path | None) -> tuple[str, ...]:
    """Where files may lie that requests over HTTP name. Raises InputError: one is not a folder."""
    for folder in given or []:
        if not folder.is_dir():
            raise InputError(f"--data-dir {folder} is not a folder.")
    folders = [*(given or []), *([checkpoint_dir] if checkpoint_dir is not None else [])]
    return tuple(str(folder.resolve()) for folder in folders)
