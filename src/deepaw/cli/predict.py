"""`deepaw-predict` and `deepaw predict`: the density of one structure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.run import run
from deepaw.density.files.formats import Format

STRUCTURE, GRID, OUTPUT, MODEL = "Structure", "Grid (default: the row's own, else --encut 500)", "Output", "Model"


def predict(
    poscar: Annotated[
        Path | None, typer.Option(help="A POSCAR, or any structure file that ASE reads.", rich_help_panel=STRUCTURE)
    ] = None,
    db: Annotated[Path | None, typer.Option(help="An ASE database.", rich_help_panel=STRUCTURE)] = None,
    row_id: Annotated[
        int | None, typer.Option("--id", help="The row of the database.", rich_help_panel=STRUCTURE)
    ] = None,
    grid: Annotated[
        tuple[int, int, int] | None,
        typer.Option(metavar="NX NY NZ", help="Points along each cell vector.", rich_help_panel=GRID),
    ] = None,
    like: Annotated[Path | None, typer.Option(help="A CHGCAR whose grid to use.", rich_help_panel=GRID)] = None,
    encut: Annotated[
        float | None, typer.Option(help="VASP's fine grid for this cutoff, eV.", rich_help_panel=GRID)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.", rich_help_panel=OUTPUT)
    ] = None,
    format: Annotated[
        Format | None, typer.Option(help="Its format; default: what its name says.", rich_help_panel=OUTPUT)
    ] = None,
    augmentation_from: Annotated[
        Path | None,
        typer.Option(help="A CHGCAR whose PAW augmentation occupancies to copy.", rich_help_panel=OUTPUT),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Do not scale to the exact number of electrons.", rich_help_panel=OUTPUT)
    ] = False,
    model: Annotated[str, typer.Option(help="A bundled model or a model file.", rich_help_panel=MODEL)] = "fast",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.", rich_help_panel=MODEL)] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Error budget: tight, default or fast.", rich_help_panel=MODEL)
    ] = "default",
) -> None:
    """Predict the electron density of a structure on a grid."""
    from deepaw.cli.progress import LateProgress
    from deepaw.cli.summary import print_summary
    from deepaw.density.files.output import choose_output
    from deepaw.density.request import read_request

    # whatever can be wrong with the files is found before the model is loaded
    request = read_request(poscar=poscar, db=db, row_id=row_id, grid=grid, like=like, encut=encut, raw=raw)
    target = choose_output(output, format, augmentation_from, request.atoms)

    from deepaw.density.engine import InferenceEngine
    from deepaw.density.predict import answer

    engine = InferenceEngine(model=model, device=device, precision=precision)
    with LateProgress("density") as progress:
        summary = answer(engine, request, target, progress)
    print_summary(request, summary, target)


app = typer.Typer(pretty_exceptions_show_locals=False, add_completion=False)
app.command()(predict)


def main() -> None:
    """The console script `deepaw-predict`."""
    run(app)
