"""Where an opened model came from: objects that hold a model are pickled as its path, its SHA-256 and their settings.

An engine or calculator holds tensors, tables and handles of the compiled library, so another process opens the file
again. `ModelSource` is what the pickle holds instead of the model; it refuses a file that is no longer the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from deepaw.errors import InputError

Model = TypeVar("Model")
Owner = TypeVar("Owner")

SHOWN = 12
"""Digits of a hash that messages show."""


def only_file(path: str | Path) -> list[Path]:
    """Return the files of a model that is in one file."""
    return [Path(path)]


@dataclass(frozen=True)
class ModelSource(Generic[Model]):
    """File that a model was read from.

    path: absolute, or the name of a bundled model. sha256: of the file, in hexadecimal. reader: reads the model from
    the path. files: finds the files that make up the model; both are pickled by their names.
    """

    path: str
    sha256: str
    reader: Callable[[str], Model]
    files: Callable[[str], Sequence[Path]] = only_file

    def check(self) -> None:
        """Raise InputError if the file is missing, cannot be read or has changed since."""
        try:
            sha256 = _hash_of_files(self.files(self.path))
        except (OSError, InputError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or "no such model"
            raise InputError(
                f"{self.path} is the model of an object that was pickled, and cannot be read here ({reason.lower()}); "
                "it must be readable under this path wherever the object is unpickled."
            ) from None
        if sha256 != self.sha256:
            raise InputError(
                f"{self.path} has changed since a pickled object was made from it (its SHA-256 is {sha256[:SHOWN]}..., "
                f"and was {self.sha256[:SHOWN]}...); put the old file back, or open the new one."
            )

    def open(self) -> Model:
        """Read the model again. Raises InputError: as `check`."""
        self.check()
        return self.reader(self.path)


def open_model(
    model: str | Path, reader: Callable[[str], Model], files: Callable[[str], Sequence[Path]] = only_file
) -> tuple[Model, ModelSource[Model]]:
    """Read a model and return it with its source; arguments as of `ModelSource`. Raises what `reader` raises."""
    path = str(Path(model).absolute()) if Path(model).exists() else str(model)
    try:
        sha256 = _hash_of_files(files(path))
    except (OSError, InputError):
        sha256 = ""  # the reader says what is wrong
    return reader(str(model)), ModelSource(path, sha256, reader, files)


def source_of(owner: object, source: ModelSource[Model] | None) -> ModelSource[Model]:
    """Return the source of the model of `owner`, for its pickle. Raises InputError: the model came from no file."""
    if source is None:
        raise InputError(
            f"This {type(owner).__name__} was made from a model in memory, so it cannot be pickled; write the model to "
            "a file and open that file instead (copies within this process work)."
        )
    return source


def file_hash(path: Path) -> str:
    """Compute the SHA-256 of the content of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of_files(paths: Sequence[Path]) -> str:
    """Compute the SHA-256 of one file, or one that depends on all of several and their names."""
    if len(paths) == 1:
        return file_hash(paths[0])
    listing = "".join(f"{file_hash(path)}  {path.name}\n" for path in paths)
    return hashlib.sha256(listing.encode()).hexdigest()


def copied(original: Owner) -> Owner:
    """Return another object of the same class with the same attributes, which both then share."""
    twin = object.__new__(type(original))
    vars(twin).update(vars(original))
    return twin
