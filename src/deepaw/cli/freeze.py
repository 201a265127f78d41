"""`deepaw freeze`: the model in a checkpoint, as a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.typemap import MoreTypes, NewTypeMap, read_type_map
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
    type_map: NewTypeMap = None,
    more_types: MoreTypes = None,
) -> None:
    """Write the potential in a training's checkpoint as a model file."""
    from deepaw.outputfile import check_output
    from deepaw.potential.files.formats import check_writable, complete_output, write_potential
    from deepaw.potential.nativefile import with_type_names
    from deepaw.potential.training.checkpoint import read_checkpoint

    names = read_type_map(type_map, more_types)
    output = complete_output(output)
    check_output(output)
    check_writable(output)
    source = _in_folder(checkpoint) if checkpoint.is_dir() else checkpoint
    found = read_checkpoint(source)
    model = found.potential(str(source))
    if names is not None:
        model = with_type_names(model, names)
    write_potential(output, model)
    print(f"{output}: potential of {' '.join(model.type_map)} after {found.step} steps")


def _in_folder(folder: Path) -> Path:
    """The one checkpoint of a folder that always names the latest: a link, `model.ckpt.pt` by default."""
    if (folder / "model.ckpt.pt").exists():
        return folder / "model.ckpt.pt"
    links = sorted(path for path in folder.glob("*.pt") if path.is_symlink())
    if len(links) != 1:
        raise InputError(f"{folder} holds no model.ckpt.pt; name the checkpoint with -c.")
    return links[0]
