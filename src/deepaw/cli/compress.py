"""`deepaw compress`: there is nothing to compress; the same model under another name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NO_EFFECT = "No effect: nothing is tabulated."


def compress(
    source: Annotated[Path, typer.Option("--input", "-i", help="The model, with or without its suffix.")] = Path(
        "frozen_model"
    ),
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model file to write: .safetensors, .dp or .yaml.")
    ] = Path("frozen_model_compressed"),
    step: Annotated[float, typer.Option("--step", "-s", help=NO_EFFECT)] = 0.01,
    extrapolate: Annotated[int, typer.Option("--extrapolate", "-e", help=NO_EFFECT)] = 5,
    frequency: Annotated[int, typer.Option("--frequency", "-f", help=NO_EFFECT)] = -1,
    checkpoint_folder: Annotated[
        Path | None, typer.Option("--checkpoint-folder", "-c", help="No effect: nothing is trained.")
    ] = None,
    training_script: Annotated[
        Path | None, typer.Option("--training-script", "-t", help="No effect: the model says what it is.")
    ] = None,
) -> None:
    """Write the same model: models are as fast as compressed ones, and need no command for it."""
    from deepaw.outputfile import check_output
    from deepaw.potential.files.formats import check_writable, complete_output, find_model, read_model, write_potential

    source, output = find_model(source), complete_output(output)
    check_output(output)
    check_writable(output)
    write_potential(output, read_model(source))
    print(f"{output}: the same model as {source}; there is nothing to compress (docs/potential.md, The spectral form)")
