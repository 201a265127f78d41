"""`deepaw model-devi`: the deviation between the predictions of several potentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepaw.cli.deepmd import SetPrefix, check_set_prefix, check_values

if TYPE_CHECKING:
    import numpy as np

    from deepaw.infer import DeepPot
    from deepaw.potential.data.system import System

BLOCK = 100
"""Frames whose deviations are computed in one go."""


def model_devi(
    more_models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="More models.")] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", "-m", help="The potentials: -m A B C.", metavar="MODEL", show_default="graph.000 ..."),
    ] = None,
    system: Annotated[str, typer.Option("--system", "-s", help="A system (deepmd/npy) or a folder of them.")] = ".",
    set_prefix: SetPrefix = "set",
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("model_devi.out"),
    frequency: Annotated[int, typer.Option("--frequency", "-f", help="Steps between two frames.")] = 1,
    real_error: Annotated[
        bool, typer.Option("--real_error", help="Root mean square errors of the labels in the data instead.")
    ] = False,
    atomic: Annotated[bool, typer.Option("--atomic", help="Add the deviation of the force of each atom.")] = False,
    relative: Annotated[
        float | None, typer.Option("--relative", help="Divide by the size of forces plus this, eV/A.", min=0)
    ] = None,
    relative_v: Annotated[
        float | None, typer.Option("--relative_v", help="Divide by the size of virials plus this, eV/atom.", min=0)
    ] = None,
) -> None:
    """Write how far the predictions of potentials are apart, frame by frame, as DeePMD-kit does (model_devi.out)."""
    from deepaw.cli.progress import LateProgress
    from deepaw.infer import DeepPot
    from deepaw.outputfile import check_output
    from deepaw.potential.data.find import find_systems
    from deepaw.potential.data.system import read_system
    from deepaw.potential.evaluation.model_deviation import check_models, write_tables
    from deepaw.potential.files.formats import find_model

    check_set_prefix(set_prefix)
    check_output(output)
    names = [*(models or []), *check_values("--models", more_models)]
    names = names or [f"graph.{number:03d}" for number in range(4)]
    potentials = [DeepPot(find_model(Path(name))) for name in names]
    check_models(potentials)
    systems = [read_system(path, potentials[0].get_model().type_map) for path in find_systems(system)]
    options: dict[str, Any] = {"atomic": atomic, "relative": relative, "relative_v": relative_v}
    tables = []
    with LateProgress("frames") as progress:
        done, total = 0, sum(system.nframes for system in systems)
        for entry in systems:
            rows = []
            for block in _tables(potentials, entry, real_error, options):
                rows.append(block)
                done += len(block)
                progress(done, total)
            tables.append((entry.name, _with_steps(rows, frequency)))
    write_tables(output, tables)
    print(f"{output}: {len(potentials)} models, {total:,} frames")


def _tables(
    potentials: list[DeepPot], system: System, real_error: bool, options: dict[str, Any]
) -> Iterator[np.ndarray]:
    """Compute the deviations of a system, block by block. Raises InputError: no labels where they are needed."""
    import numpy as np

    from deepaw.errors import InputError
    from deepaw.potential.evaluation.model_deviation import calc_model_devi

    coord, cell, types, model = system.coord, system.cell, system.types, potentials[0]
    fparam = system.labels.get("fparam") if model.get_dim_fparam() else None
    aparam = system.labels.get("aparam") if model.get_dim_aparam() else None
    reference: dict[str, np.ndarray] = {}
    if real_error:
        shapes = {"energy": (1,), "force": (system.natoms, 3), "virial": (9,)}
        missing = [name for name in shapes if name not in system.labels]
        if len(missing) == len(shapes):
            raise InputError(f"{system.name} has no energy.npy, force.npy or virial.npy, which --real_error needs.")
        for name, shape in shapes.items():
            labels = np.full((system.nframes, *shape), np.nan) if name in missing else system.labels[name]
            reference[name] = labels.reshape(-1, *shape) / (1 if name == "force" else system.natoms)
    for start in range(0, system.nframes, BLOCK):
        part = slice(start, start + BLOCK)
        try:
            yield calc_model_devi(
                coord[part],
                None if cell is None else cell[part],
                types[part],
                potentials,
                mixed_type=system.is_mixed,
                fparam=None if fparam is None else fparam[part],
                aparam=None if aparam is None else aparam[part],
                real_data={name: labels[part] for name, labels in reference.items()},
                **options,
            )
        except InputError as error:
            raise InputError(f"{system.name}: {error}") from None


def _with_steps(blocks: list[np.ndarray], frequency: int) -> np.ndarray:
    """Join the blocks of a system, and count their steps in the first column."""
    import numpy as np

    table = np.concatenate(blocks)
    table[:, 0] = np.arange(len(table)) * frequency
    return table
