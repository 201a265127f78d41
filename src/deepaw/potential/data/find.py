"""Search of folders and HDF5 files for systems: the key `systems` of an input file, or a file that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepaw.errors import InputError
from deepaw.potential.data.hdf5 import SystemPath, system_path
from deepaw.textfile import read_text


def find_systems(
    systems: str | Sequence[str], folder: Path = Path(), patterns: Sequence[str] | None = None
) -> list[SystemPath]:
    """Find the folders with a `type.raw` at or below each entry of `systems`.

    An entry is a folder, an HDF5 file or a group of one (`water.hdf5#/a`), in which groups stand for folders.

    folder: what relative paths are relative to. patterns: such as `*/water*`; take only folders below an entry that
    match one of them, as in `Path.rglob`. Returns the systems entry by entry, those of an entry sorted; an entry given
    twice counts twice.

    Raises InputError: an entry that is neither, no system at or below an entry, or a pattern that cannot be searched
    for.
    """
    entries = [systems] if isinstance(systems, str) else list(systems)
    if not entries:
        raise InputError("The list of systems is empty; at least one folder is needed.")
    return [path for entry in entries for path in _below(system_path(entry, folder), patterns)]


def read_listing(path: Path) -> list[str]:
    """Return the entries of a file that lists systems, one a line. Raises InputError: it cannot be read as text."""
    try:
        lines = read_text(path).splitlines()
    except OSError:
        raise InputError(f"{path} cannot be read as text; it should list systems, one a line.") from None
    return [line.strip() for line in lines if line.strip()]


def _below(top: SystemPath, patterns: Sequence[str] | None) -> list[SystemPath]:
    candidates = {top, *top.rglob("*")} if patterns is None else _matching(top, patterns)
    paths = sorted(path for path in candidates if (path / "type.raw").is_file())
    if not paths:
        which = "" if patterns is None else f" that matches {' or '.join(patterns)}"
        raise InputError(f"There is no system in {top}, that is no folder with type.raw{which}.")
    return paths


def _matching(top: SystemPath, patterns: Sequence[str]) -> set[SystemPath]:
    matching: set[SystemPath] = set()
    for pattern in patterns:
        try:
            matching.update(top.rglob(pattern))
        except (ValueError, NotImplementedError):
            raise InputError(
                f"The pattern {pattern!r} cannot be searched for; it should be a relative one such as water*."
            ) from None
    return matching
