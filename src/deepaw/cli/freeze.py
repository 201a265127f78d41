"""`deepaw freeze`: the model in a checkpoint, as a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.errors import InputError


def freeze(
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--checkpoint",
            "--checkpoint-folder",
            "-c",
            help="A checkpoint of a potential's training, or the folder of one.",
        ),
    ] = Path(),
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The model file to write: .safetensors (which may be left out), .dp or .yaml."
        ),
    ] = Path("frozen_model"),
) -> None:
    """Write the potential in a training's checkpoint as a model file."""
    from deepaw.outputfile import check_output
    from deepaw.potential.files.formats import check_writable, complete_output, write_potential
    from deepaw.potential.training.checkpoint import read_checkpoint

    output = complete_output(output)
    check_output(output)
    check_writable(output)
    source = _in_folder(checkpoint) if checkpoint.is_dir() else checkpoint
    found = read_checkpoint(source)
    write_potential(output, found.potential(str(source)))
    print(f"{output}: potential of {' '.join(found.model['type_map'])} after {found.step} steps")


def _in_folder(folder: Path) -> Path:
    """The one checkpoint of a folder that always names the latest: a link, `model.ckpt.pt` by default."""
    if (folder / "model.ckpt.pt").exists():
        return folder / "model.ckpt.pt"
    links = sorted(path for path in folder.glob("*.pt") if path.is_symlink())
    if len(links) != 1:
        raise InputError(f"{folder} holds no model.ckpt.pt; name the checkpoint with -c.")
    return links[0]
