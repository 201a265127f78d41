"""`deepaw doc`: what may be in input files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

doc = typer.Typer(help="What may be in input files.", no_args_is_help=True)


class Kind(StrEnum):
    """Of input files."""

    potential = "potential"
    density = "density"


@doc.callback()
def _root() -> None:
    """A callback keeps `deepaw doc input` as it is however many topics there are."""


@doc.command("input")
def describe_input(
    kind: Annotated[Kind, typer.Option(help="Of what is trained.")] = Kind.potential,
    schema: Annotated[bool, typer.Option("--schema", help="A JSON schema, for editors, instead of a text.")] = False,
) -> None:
    """Every key of the input files of `deepaw train`: type, default, meaning."""
    import json

    from pydantic import BaseModel

    from deepaw.density.training.config import DensityInput
    from deepaw.inputreference import json_schema, reference
    from deepaw.potential.input import PotentialInput

    kinds: dict[Kind, type[BaseModel]] = {Kind.potential: PotentialInput, Kind.density: DensityInput}
    print(json.dumps(json_schema(kinds[kind]), indent=2) if schema else reference(kinds[kind]))
