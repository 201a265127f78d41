"""Where densities to learn from, or to compare with, are read from."""

from __future__ import annotations

from pathlib import Path

from deepaw.density.data.database import database_examples
from deepaw.density.data.densityfiles import density_file_example, density_files
from deepaw.density.data.example import DensityCache, Example
from deepaw.density.data.frames import STRUCTURES, frame_examples
from deepaw.errors import InputError

DATABASES = {".db", ".json"}
FRAMES = {".extxyz", ".xyz"}


def read_examples(*paths: str | Path) -> list[Example]:
    """All structures with densities in one or several places; densities are read when they are asked for.

    A path is an ASE database; an extxyz file with the folder `density` beside it, or the folder that holds the two, the
    file as `structures.extxyz`; a CHGCAR or cube file; or a folder of these (`CHGCAR*`, `*.cube`, `*/CHGCAR`).

    Raises InputError: nothing there, a file that cannot be read, or two structures of one name.
    """
    cache = DensityCache()
    found: dict[str, Example] = {}
    for path in map(Path, paths):
        for example in _read_place(path, cache):
            other = found.setdefault(example.name, example)
            if other is not example:
                raise InputError(
                    f"{other.origin} and {example.origin} are both called {example.name}; names must differ, because "
                    "lists of structures go by them."
                )
    return list(found.values())


def _read_place(path: Path, cache: DensityCache) -> list[Example]:
    if not path.exists():
        raise InputError(f"There is no data at {path}; a database, an extxyz file or a folder of densities is needed.")
    if path.is_dir():
        if (path / STRUCTURES).is_file():
            examples = frame_examples(path / STRUCTURES, cache)
        else:
            examples = [density_file_example(file, cache) for file in density_files(path)]
    elif path.suffix.lower() in DATABASES:
        examples = database_examples(path, cache)
    elif path.suffix.lower() in FRAMES:
        examples = frame_examples(path, cache)
    else:
        examples = [density_file_example(path, cache)]
    if not examples:
        raise InputError(
            f"{path} holds no densities; a folder needs {STRUCTURES}, CHGCAR* or *.cube files, or sub-folders with a "
            "CHGCAR, and a database needs rows."
        )
    return examples
