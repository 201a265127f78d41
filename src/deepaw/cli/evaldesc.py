"""`deepaw eval-desc`: descriptors of the atoms of data, as arrays."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepaw.cli.deepmd import listed_or_named

if TYPE_CHECKING:
    from deepaw.potential.data.system import System


class Dtype(StrEnum):
    """Types of numbers; native is float64."""

    native = "native"
    fp64 = "fp64"
    fp32 = "fp32"


def eval_desc(
    model: Annotated[Path, typer.Option("--model", "-m", help="The model, with or without its suffix.")] = Path(
        "frozen_model"
    ),
    system: Annotated[
        str | None,
        typer.Option(
            "--system", "-s", help="A system (deepmd/npy) or a folder of them.", show_default="the working folder"
        ),
    ] = None,
    datafile: Annotated[Path | None, typer.Option("--datafile", "-f", help="A file that lists systems.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write SYSTEM.npy into.")] = Path("desc"),
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Of the arrays.")] = Dtype.native,
) -> None:
    """Write the descriptors of all atoms of each system, (frames, atoms, features), to OUTPUT/SYSTEM.npy."""
    import numpy as np

    from deepaw.cli.progress import LateProgress
    from deepaw.errors import InputError
    from deepaw.infer import DeepEval
    from deepaw.outputfile import check_folder, disk_errors, output_file
    from deepaw.potential.data.find import find_systems
    from deepaw.potential.data.system import read_system
    from deepaw.potential.files.formats import find_model

    check_folder(output)
    interface: DeepEval[Any, Any] = DeepEval(find_model(model))
    type_map = interface.get_model().type_map
    systems: dict[str, System] = {}
    for path in find_systems(listed_or_named(system, datafile)):
        name = path.resolve().name
        if name in systems:
            raise InputError(f"{path} and {systems[name].name} would both be written to {name}.npy; name them apart.")
        systems[name] = read_system(path, type_map)
    done, total = 0, sum(entry.nframes for entry in systems.values())
    with disk_errors(output):
        output.mkdir(exist_ok=True)
    with LateProgress("frames") as progress:
        for name, entry in systems.items():
            blocks = []
            coord, cell = entry.coord, entry.cell
            aparam = entry.labels.get("aparam") if interface.get_dim_aparam() else None
            for frame in range(entry.nframes):
                part = slice(frame, frame + 1)
                blocks.append(
                    interface.eval_descriptor(
                        coord[part],
                        None if cell is None else cell[part],
                        entry.types[part],
                        aparam=None if aparam is None else aparam[part],
                        mixed_type=entry.is_mixed,
                        dtype=dtype.value,
                    )
                )
                done += 1
                progress(done, total)
            descriptors = np.concatenate(blocks)
            with output_file(output / f"{name}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, descriptors)
            print(f"{output / name}.npy: descriptors {descriptors.shape}")
