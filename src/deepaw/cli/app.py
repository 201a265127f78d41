"""`deepaw`: one command per file of this folder.

The files import what they need inside the command, so that `deepaw --help` does not wait for it.
"""

from __future__ import annotations

import typer

from deepaw.cli.bands import bands
from deepaw.cli.capi import c_api
from deepaw.cli.convert import convert
from deepaw.cli.data import data
from deepaw.cli.doc import doc
from deepaw.cli.energy import energy
from deepaw.cli.freeze import freeze
from deepaw.cli.info import info
from deepaw.cli.lammps import CONTEXT, lammps
from deepaw.cli.predict import predict
from deepaw.cli.run import run
from deepaw.cli.scf import scf
from deepaw.cli.test import test
from deepaw.cli.train import train

app = typer.Typer(
    help="Deep-learning surrogates for DFT: charge densities and potentials.",
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
app.add_typer(data, name="data")
app.add_typer(doc, name="doc")


@app.callback()
def _root() -> None:
    """A callback keeps `deepaw COMMAND` as it is however many commands there are."""


def main() -> None:
    """The console script `deepaw`."""
    run(app)
