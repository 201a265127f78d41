"""`deepaw train`: a model from densities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT", help="What to train, such as density.json.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for curve, checkpoint and model.")] = Path(),
    restart: Annotated[Path | None, typer.Option(help="Go on from this checkpoint.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
) -> None:
    """Train a model: lcurve.out, lcurve.png, checkpoint.pt and model.safetensors appear in the output folder."""
    from functools import partial

    from deepaw.density.engine.engine import find_device
    from deepaw.density.training.config import read_input
    from deepaw.density.training.trainer import Trainer

    settings = read_input(input_file)
    place = find_device(device)
    Trainer(settings, input_file.parent, output, place, restart, partial(print, flush=True)).run()
