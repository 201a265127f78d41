"""`deepaw convert`: a published checkpoint as one native model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    directory: Annotated[Path, typer.Argument(help="A folder with f_nonlocal.pth and, if there is one, f_local.pth.")],
    output: Annotated[Path, typer.Argument(help="The model file to write (.safetensors).")],
) -> None:
    """Turn a checkpoint in the published layout into a native model file."""
    from deepaw.density.model.model import DensityModel
    from deepaw.density.model.published import read_published
    from deepaw.errors import InputError

    if output.suffix != ".safetensors":
        raise InputError(f"{output} must end with .safetensors; other files are not read as models.")
    network = read_published(directory)
    DensityModel(network, provenance={"converted_from": directory.resolve().name}).save(output)
    weights = sum(parameter.numel() for parameter in network.parameters())
    parts = "F_nonlocal" if network.local is None else "F_nonlocal and F_local"
    print(f"{output}: {parts}, {weights:,} weights, cutoff {network.cutoff:g} A")
    print("It does not say which elements it knows nor their valence electrons: densities will not be scaled.")
