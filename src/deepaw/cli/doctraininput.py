"""`deepaw doc-train-input`: every key of a potential's input file, as `deepaw doc input`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from deepaw.cli.doc import Kind, describe_input


class OutType(StrEnum):
    """Form of the output."""

    rst = "rst"
    json_schema = "json_schema"


def doc_train_input(
    out_type: Annotated[
        OutType, typer.Option("--out-type", help="A text, or a JSON schema for editors.")
    ] = OutType.rst,
) -> None:
    """Print every key of the input files of potentials: type, default, meaning."""
    describe_input(Kind.potential, schema=out_type is OutType.json_schema)
