"""Options and messages that make DeePMD-kit's command lines work as they are, shared by the commands.

docs/deepmd-kit.md has the table of all its commands and options.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deepaw.errors import InputError

BACKENDS = (
    *("--tensorflow", "--tf", "--tensorflow2", "--tf2", "--pytorch", "--pt", "--pytorch-exportable", "--pt-expt"),
    *("--paddle", "--pd", "--jax", "--dpmodel", "--dp", "--numpy", "--np"),
)
"""Options before the command that choose a backend of DeePMD-kit."""

Backend = Annotated[str | None, typer.Option("--backend", "-b", hidden=True)]
BackendFlag = Annotated[bool, typer.Option(*BACKENDS, hidden=True)]
SetPrefix = Annotated[str, typer.Option("--set-prefix", "-S", hidden=True)]

CONTEXT = {"ignore_unknown_options": True}
"""For commands with options that take several values, such as negative numbers, which would look like options."""

ELSEWHERE = {
    "transfer": "model files keep their form from version to version; deepaw convert reads those of DeePMD-kit",
    "train-nvnmd": "models for NVNMD hardware are not made here; deepaw train makes others",
    "embed": "deepaw eval-desc writes descriptors",
    "gui": "deepaw doc-train-input --out-type json_schema makes any editor check and complete an input file",
    "pretrained": "DeePMD-kit's pretrained models are not of the family that is read here",
}
"""Alternatives to the commands that only DeePMD-kit has."""


class DeepmdCommands(TyperGroup):
    """Group of commands that refuses those of `ELSEWHERE` with what to do instead."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command. Raises InputError: one of `ELSEWHERE`."""
        if args[0] in ELSEWHERE:
            raise InputError(f"deepaw has no command {args[0]}: {ELSEWHERE[args[0]]}.")
        return super().resolve_command(ctx, args)


def listed_or_named(system: str | None, datafile: Path | None) -> list[str]:
    """Return the systems of -s or of the file of -f; the working folder without either.

    Raises InputError: both are given, or the file cannot be read.
    """
    from deepaw.potential.data.find import read_listing

    if system is not None and datafile is not None:
        raise InputError(f"-s {system} and -f {datafile} are given; systems are named in one of these ways.")
    return [system or "."] if datafile is None else read_listing(datafile)


def check_set_prefix(prefix: str) -> None:
    """Warn of a prefix of sets, which DeePMD-kit ignores with a warning, too."""
    if prefix != "set":
        warnings.warn(f"--set-prefix {prefix} has no effect: sets are the folders set.*", stacklevel=2)


def check_values(option: str, values: list[str] | None) -> list[str]:
    """Return the values of an option that takes several. Raises InputError: one of them is an unknown option."""
    for value in values or ():
        if value.startswith("--") or (value.startswith("-") and value[1:2].isalpha()):
            raise InputError(f"{value} is not an option of this command, nor a value for {option}; see --help.")
    return list(values or ())
