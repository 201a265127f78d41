"""`deepaw`: one command per file of this folder.

The files import what they need inside the command, so that `deepaw --help` does not wait for it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from deepaw import __version__
from deepaw.cli.bands import bands
from deepaw.cli.capi import c_api
from deepaw.cli.changebias import change_bias
from deepaw.cli.compress import compress
from deepaw.cli.convert import convert
from deepaw.cli.convertfrom import convert_from
from deepaw.cli.data import data
from deepaw.cli.deepmd import CONTEXT as SEVERAL_VALUES
from deepaw.cli.deepmd import Backend, BackendFlag, DeepmdCommands
from deepaw.cli.doc import doc
from deepaw.cli.doctraininput import doc_train_input
from deepaw.cli.energy import energy
from deepaw.cli.evaldesc import eval_desc
from deepaw.cli.freeze import freeze
from deepaw.cli.info import info
from deepaw.cli.lammps import CONTEXT, lammps
from deepaw.cli.modeldevi import model_devi
from deepaw.cli.neighborstat import neighbor_stat
from deepaw.cli.predict import predict
from deepaw.cli.run import run
from deepaw.cli.scf import scf
from deepaw.cli.show import show
from deepaw.cli.test import test
from deepaw.cli.train import train

app = typer.Typer(
    help="Deep-learning surrogates for DFT: charge densities and potentials.",
    cls=DeepmdCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(predict)
app.command()(train)
app.command()(test)
app.command()(info)
app.command()(convert)
app.command()(freeze)
app.command(context_settings=CONTEXT)(lammps)
app.command()(c_api)
app.command()(scf)
app.command()(bands)
app.command()(energy)
app.command(context_settings=SEVERAL_VALUES)(model_devi)
app.command(context_settings=SEVERAL_VALUES)(neighbor_stat)
app.command(context_settings=SEVERAL_VALUES)(change_bias)
app.command()(eval_desc)
app.command()(show)
app.command()(compress)
app.command("convert-backend")(convert)
app.command()(convert_from)
app.command()(doc_train_input)
app.add_typer(data, name="data")
app.add_typer(doc, name="doc")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"deepaw {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    backend: Backend = None,
    backend_flag: BackendFlag = False,
) -> None:
    """Options before the command; those that choose a backend in DeePMD-kit are accepted, since there is one here."""


def main() -> None:
    """The console script `deepaw`."""
    run(app)
