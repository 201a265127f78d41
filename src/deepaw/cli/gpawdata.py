"""`deepaw data gpaw`: training data by GPAW."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli import gpawoptions as options

SETTINGS, VARIANTS = "Calculation", "Variants of every structure"


def gpaw(
    structures: options.Structures,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write, or to go on with.", metavar="FOLDER")
    ],
    xc: Annotated[str, typer.Option(help="Exchange-correlation functional.", rich_help_panel=SETTINGS)] = "PBE",
    cutoff: Annotated[float, typer.Option(help="Of plane waves, eV.", rich_help_panel=SETTINGS)] = 600.0,
    kspacing: Annotated[
        float, typer.Option(help="Of k points, 1/A with 2 pi (as in VASP).", rich_help_panel=SETTINGS)
    ] = 0.5,
    smearing: Annotated[float, typer.Option(help="Fermi-Dirac width, eV.", rich_help_panel=SETTINGS)] = 0.01,
    volumes: Annotated[
        str, typer.Option(help='Ratios to the volume, such as "0.9 1 1.1".', rich_help_panel=VARIANTS)
    ] = "1",
    strain: Annotated[float, typer.Option(help="Largest component of random strains.", rich_help_panel=VARIANTS)] = 0.0,
    rattle: Annotated[
        float, typer.Option(help="Standard deviation of random displacements, A.", rich_help_panel=VARIANTS)
    ] = 0.0,
    copies: Annotated[int, typer.Option(help="Random variants of each volume.", rich_help_panel=VARIANTS)] = 1,
    workers: options.Workers = 1,
    ray: options.Ray = False,
) -> None:
    """Compute density, PAW occupancies, energy, forces and stress by GPAW. Started again, it goes on."""
    from deepaw.cli.structureprogress import print_failures, print_progress
    from deepaw.errors import InputError
    from deepaw.gpaw.data.settings import DataSettings
    from deepaw.gpaw.data.variants import Variation, make_variants
    from deepaw.gpaw.environment import require_gpaw
    from deepaw.gpaw.structures import read_structures

    require_gpaw()
    settings = DataSettings(xc, cutoff, kspacing, smearing)
    try:
        ratios = tuple(float(word) for word in volumes.replace(",", " ").split())
    except ValueError:
        ratios = ()
    if not ratios:
        raise InputError(f'--volumes is "{volumes}"; it must be ratios to the volume, such as "0.9 1 1.1".')
    variants = make_variants(read_structures(structures), Variation(ratios, strain, rattle, copies))

    from deepaw.gpaw.data.make import make_data

    failures = make_data(output, variants, settings, workers, ray=ray, progress=print_progress)
    print_failures(failures)
    typer.echo(f"Written: {output}, {len(variants) - len(failures)} of {len(variants)} structures")
