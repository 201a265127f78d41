"""Lists of structures by name: one a line, as a training writes for the structures it set aside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepaw.density.data.example import Example
from deepaw.errors import InputError
from deepaw.textfile import read_text


def read_names(path: str | Path) -> list[str]:
    """The names in a file, blank lines passed over. Raises InputError: no such file, not UTF-8, or no name in it."""
    try:
        names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except OSError as error:
        raise InputError(f"{path} cannot be read as a list of names, one a line.") from error
    if not names:
        raise InputError(f"{path} lists no structures; one name a line is needed.")
    return names


def select(examples: Sequence[Example], names: Sequence[str], source: str | Path) -> list[Example]:
    """The examples with these names, in their order. Raises InputError where `source` lists one that is not there."""
    by_name = {example.name: example for example in examples}
    for name in names:
        if name not in by_name:
            raise InputError(f"{source} lists {name}, which is not among the {len(examples)} structures of the data.")
    return [by_name[name] for name in dict.fromkeys(names)]
