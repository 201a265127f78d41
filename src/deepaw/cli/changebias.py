"""`deepaw change-bias`: the energies of types of a potential, fitted to other data or given."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepaw.cli.deepmd import check_values, listed_or_named
from deepaw.errors import InputError

if TYPE_CHECKING:
    from deepaw.potential.model.energy import PotentialModel


class Mode(StrEnum):
    """How energies of types are found."""

    change = "change"
    set = "set"


def change_bias(
    model: Annotated[Path, typer.Argument(metavar="INPUT", help="A potential or a checkpoint.")],
    more_values: Annotated[list[str] | None, typer.Argument(metavar="[VALUE]...", help="More energies.")] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system", "-s", help="A system (deepmd/npy) or a folder of them.", show_default="the working folder"
        ),
    ] = None,
    datafile: Annotated[Path | None, typer.Option("--datafile", "-f", help="A file that lists systems.")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--bias-value", "-b", help="The energies of types, eV: -b -93.57 -187.1.", metavar="VALUE"),
    ] = None,
    numb_batch: Annotated[int, typer.Option("--numb-batch", "-n", help="Frames of each system, 0 for all.", min=0)] = 0,
    mode: Annotated[
        Mode,
        typer.Option("--mode", "-m", help="change: fit the errors of the model; set: fit the energies of the data."),
    ] = Mode.change,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The model file to write, or of a checkpoint another (default: INPUT_updated)."
        ),
    ] = None,
) -> None:
    """Change the energies of types of a potential."""
    from deepaw.cli.progress import LateProgress
    from deepaw.outputfile import check_output
    from deepaw.potential.data.find import find_systems
    from deepaw.potential.data.system import read_system
    from deepaw.potential.files.formats import WRITABLE, check_writable, find_model, read_potential, write_potential
    from deepaw.potential.training.bias import set_bias, shift_bias
    from deepaw.potential.training.checkpoint import load_checkpoint

    source = find_model(model)
    checkpoint = load_checkpoint(source) if source.suffix == ".pt" and source.is_file() else None
    if output is None:
        keeps_suffix = source.suffix in WRITABLE or checkpoint is not None
        output = source.with_name(f"{source.stem}_updated{source.suffix if keeps_suffix else '.safetensors'}")
    check_output(output)
    is_checkpoint = checkpoint is not None and output.suffix == ".pt"
    if not is_checkpoint:
        check_writable(output)
    if values is not None and (system is not None or datafile is not None):
        raise InputError(f"-b {values[0]} and {'-s' if system else '-f'} are given; energies come from one of them.")
    potential = read_potential(source)
    before = potential.bias.tolist()
    if values is not None:
        _set_values(potential, [*values, *(more_values or [])])
    else:
        if check_values("-s", more_values):
            raise InputError(f"{' '.join(more_values or [])} belongs to no option; energies are given with -b.")
        folders = find_systems(listed_or_named(system, datafile))
        systems = [read_system(path, potential.type_map) for path in folders]
        with LateProgress("frames") as progress:
            if mode is Mode.change:
                shift_bias(potential, systems, numb_batch or None, progress)
            else:
                set_bias(potential, systems, numb_batch or None)
    if checkpoint is not None and is_checkpoint:
        replace(checkpoint, weights=potential.state_dict()).write(output)
    else:
        write_potential(output, potential)
    for name, old, new in zip(potential.type_map, before, potential.bias.tolist(), strict=True):
        print(f"{name}: {old:.8g} -> {new:.8g} eV")
    print(f"written: {output}")


def _set_values(potential: PotentialModel, texts: list[str]) -> None:
    """Set the energies of types to numbers. Raises InputError: other than one number for each type."""
    import numpy as np
    import torch

    types = " ".join(potential.type_map)
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        raise InputError(f"--bias-value is {' '.join(texts)}; it should be numbers, in eV.") from None
    if len(numbers) != len(potential.type_map) or not np.isfinite(numbers).all():
        raise InputError(f"--bias-value is {' '.join(texts)}; it should be one energy for each type of {types}.")
    potential.bias.copy_(torch.from_numpy(numbers))
