"""`deepaw energy`: energies without self-consistency."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli import gpawoptions as options


def energy(
    structures: options.Structures,
    output: Annotated[Path, typer.Option("--output", "-o", help="extxyz file to write.", metavar="EXTXYZ")],
    like_gpaw: options.LikeGpawOrDefault = None,
    model: options.Model = "fast",
    workers: options.Workers = 1,
    ray: options.Ray = False,
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
