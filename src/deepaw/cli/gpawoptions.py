"""Options that commands with GPAW share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RUN = "Run"

Structure = Annotated[Path, typer.Argument(help="A POSCAR, or any structure file that ASE reads.")]
Structures = Annotated[
    list[Path], typer.Argument(help="Files that ASE reads, of one or many structures each.", metavar="STRUCTURES")
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="A model that knows PAW occupancies: a file or a bundled one.")
]
LikeGpaw = Annotated[
    Path, typer.Option("--like-gpaw", help="JSON file with the keyword arguments of GPAW.", metavar="PARAMS.json")
]
LikeGpawOrDefault = Annotated[
    Path | None,
    typer.Option(
        "--like-gpaw",
        help="JSON file with the keyword arguments of GPAW; default: plane waves as the model was trained on.",
        metavar="PARAMS.json",
    ),
]
Workers = Annotated[int, typer.Option(help="Structures at a time on this machine.", rich_help_panel=RUN)]
Ray = Annotated[bool, typer.Option("--ray", help="Distribute the structures by Ray.", rich_help_panel=RUN)]
