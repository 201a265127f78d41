"""`deepaw convert-from`: models of older versions of DeePMD-kit."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.convert import convert


class Version(StrEnum):
    """Versions of DeePMD-kit; which one a file is of is found in the file."""

    auto = "auto"
    v0_12 = "0.12"
    v1_0 = "1.0"
    v1_1 = "1.1"
    v1_2 = "1.2"
    v1_3 = "1.3"
    v2_0 = "2.0"
    pbtxt = "pbtxt"


def convert_from(
    version: Annotated[
        Version, typer.Argument(metavar="FROM", help="No effect: it is found in the file.")
    ] = Version.auto,
    source: Annotated[Path, typer.Option("--input-model", "-i", help="The model to convert.")] = Path(
        "frozen_model.pb"
    ),
    output: Annotated[
        Path, typer.Option("--output-model", "-o", help="The model file to write: .safetensors, .dp or .yaml.")
    ] = Path("convert_out.safetensors"),
) -> None:
    """Turn a model of any version of DeePMD-kit that is read into a model file."""
    convert(source, output)
