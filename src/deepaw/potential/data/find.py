"""Search of folders for systems: the key `systems` of an input file, or a file that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepaw.errors import InputError


def find_systems(
    systems: str | Sequence[str], folder: Path = Path(), patterns: Sequence[str] | None = None
) -> list[Path]:
    """Find the folders with a `type.raw` at or below each entry of `systems`.

    folder: what relative paths are relative to. patterns: such as `*/water*`; take only folders below an entry that
    match one of them, as in `Path.rglob`. Returns the systems entry by entry, those of an entry sorted; an entry given
    twice counts twice.

    Raises InputError: an entry that is no folder, no system at or below an entry, or a pattern that cannot be searched
    for.
    """
    entries = [systems] if isinstance(systems, str) else list(systems)
    if not entries:
        raise InputError("The list of systems is empty; at least one folder is needed.")
    return [path for entry in entries for path in _below(entry, folder, patterns)]


def read_listing(path: Path) -> list[str]:
    """Return the entries of a file that lists systems, one a line. Raises InputError: it cannot be read as text."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as text; it should list systems, one a line.") from None
    return [line.strip() for line in lines if line.strip()]


def _below(entry: str, folder: Path, patterns: Sequence[str] | None) -> list[Path]:
    top = folder / entry
    if not top.is_dir():
        raise InputError(f"There is no folder {top}; it should be a system or hold systems.")
    candidates = {top, *top.rglob("*")} if patterns is None else _matching(top, patterns)
    paths = sorted(path for path in candidates if (path / "type.raw").is_file())
    if not paths:
        which = "" if patterns is None else f" that matches {' or '.join(patterns)}"
        raise InputError(f"There is no system in {top}, that is no folder with type.raw{which}.")
    return paths


def _matching(top: Path, patterns: Sequence[str]) -> set[Path]:
    matching: set[Path] = set()
    for pattern in patterns:
        try:
            matching.update(top.rglob(pattern))
        except (ValueError, NotImplementedError):
            raise InputError(
                f"The pattern {pattern!r} cannot be searched for; it should be a relative one such as water*."
            ) from None
    return matching
