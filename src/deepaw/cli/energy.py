"""`deepaw energy`: energies without self-consistency."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def energy(
    structures: Annotated[
        list[Path], typer.Argument(help="Files that ASE reads, of one or many structures each.", metavar="STRUCTURES")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="extxyz file to write.", metavar="EXTXYZ")],
    like_gpaw: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with the keyword arguments of GPAW; default: plane waves as the model was trained on.",
            metavar="PARAMS.json",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model that knows PAW occupancies: a file or a bundled one.")
    ] = "fast",
    workers: Annotated[int, typer.Option(help="Structures at a time on this machine.")] = 1,
    ray: Annotated[bool, typer.Option("--ray", help="Distribute the structures by Ray.")] = False,
) -> None:
    """Compute Harris energies by GPAW: one diagonalisation at each predicted density. Started again, it goes on."""
    from deepaw.cli.structureprogress import print_failures, print_progress
    from deepaw.gpaw.environment import require_gpaw
    from deepaw.gpaw.parameters import read_parameters
    from deepaw.outputfile import check_output

    require_gpaw()
    check_output(output)
    parameters = None if like_gpaw is None else read_parameters(like_gpaw)

    from deepaw.gpaw.energies import HarrisTask, write_energies
    from deepaw.gpaw.parameters import check_parameters
    from deepaw.gpaw.sources import PredictedDensity
    from deepaw.gpaw.structures import read_structures

    if parameters is not None:
        check_parameters(parameters)
    PredictedDensity(model)  # refuse it here, not once for every structure
    task = HarrisTask(model, parameters)
    failures = write_energies(
        output, read_structures(structures), task, task.identity(), workers, ray=ray, progress=print_progress
    )
    print_failures(failures)
    typer.echo(f"Written: {output}")
