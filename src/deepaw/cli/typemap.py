"""The option --type-map: names of types on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

TypeMap = Annotated[
    str | None, typer.Option(help='The types in the order of the model, such as "O H".', metavar='"TYPE ..."')
]

NewTypeMap = Annotated[
    str | None,
    typer.Option(help="Names for the types of a model that has only their numbers, in order.", metavar="TYPE ..."),
]

MoreTypes = Annotated[list[str] | None, typer.Argument(hidden=True, metavar="TYPE")]
"""Names of --type-map after the first, where they are not in quotes."""


def read_type_map(text: str | None, more: Sequence[str] | None = None) -> list[str] | None:
    """Return the names of --type-map, None without it; more: further arguments of the command.

    Raises InputError: no name, a name given twice, or further arguments without the option.
    """
    from deepaw.errors import InputError

    if text is None:
        if more:
            raise InputError(f"{more[0]} is one argument too many; leave it out, or put types behind --type-map.")
        return None
    names = " ".join([text, *(more or ())]).replace(",", " ").split()
    if not names or len(set(names)) < len(names):
        raise InputError(f'The type map is "{" ".join(names)}"; it should name each type once, such as "O H".')
    return names
