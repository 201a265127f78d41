"""`deepaw-predict` and `deepaw predict`: the density of one structure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.run import run
from deepaw.density.files.formats import Format

STRUCTURE, GRID, OUTPUT, MODEL = "Structure", "Grid (default: the row's own, else --encut 500)", "Output", "Model"
SERVER = "Server (default: one that runs here, unless an option chooses a model)"


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
    like: Annotated[Path | None, typer.Option(help="A CHGCAR or cube whose grid to use.", rich_help_panel=GRID)] = None,
    encut: Annotated[
        float | None, typer.Option(help="VASP's fine grid for this cutoff, eV.", rich_help_panel=GRID)
    ] = None,
    ecutrho: Annotated[
        float | None,
        typer.Option(help="Quantum ESPRESSO's grid and plane waves for this cutoff, Ry.", rich_help_panel=GRID),
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
    model: Annotated[
        str | None, typer.Option(help="A bundled model or a model file; default: fast.", rich_help_panel=MODEL)
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu (default), cuda or cuda:N.", rich_help_panel=MODEL)] = None,
    precision: Annotated[
        str | None, typer.Option(help="Error budget: tight, default or fast.", rich_help_panel=MODEL)
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Predict in this process.", rich_help_panel=SERVER)] = False,
    socket: Annotated[
        Path | None, typer.Option(help="Unix socket of the server to ask.", rich_help_panel=SERVER)
    ] = None,
    url: Annotated[str | None, typer.Option(help="Its address, as http://host:8265.", rich_help_panel=SERVER)] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Its key; default: DEEPAW_API_KEY.", rich_help_panel=SERVER)
    ] = None,
) -> None:
    """Predict the electron density of a structure on a grid."""
    from deepaw.cli.progress import LateProgress
    from deepaw.cli.summary import print_summary
    from deepaw.density.files.output import choose_output
    from deepaw.density.request import read_request

    # whatever can be wrong with the files is found before the model is loaded
    request = read_request(
        poscar=poscar, db=db, row_id=row_id, grid=grid, like=like, encut=encut, ecutrho=ecutrho, raw=raw
    )
    target = choose_output(output, format, augmentation_from, request.atoms, ecutrho)

    from deepaw.cli.predictor import choose_predictor

    predictor = choose_predictor(
        local=local, socket=socket, url=url, api_key=api_key, model=model, device=device, precision=precision
    )
    with LateProgress("density") as progress:
        summary = predictor.answer(request, target, progress)
    print_summary(request, summary, target, predictor.said)


app = typer.Typer(pretty_exceptions_show_locals=False, add_completion=False)
app.command()(predict)


def main() -> None:
    """The console script `deepaw-predict`."""
    run(app)
