"""Frames of extxyz files as text, so that files of many frames are written anew without formatting all again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import ase.io
from ase import Atoms

from deepaw.outputfile import output_file


def as_extxyz(atoms: Atoms) -> str:
    """Return a frame as text of an extxyz file."""
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    return text.getvalue()


def read_frame_texts(path: Path) -> Iterator[tuple[str, Atoms]]:
    """Yield the text of each frame of an extxyz file, and the frame.

    Raises ValueError, or whatever ASE stumbles over: not such a file, or one that is cut short.
    """
    lines = path.read_text().splitlines(keepends=True)
    position = 0
    while position < len(lines):
        end = position + 2 + int(lines[position])
        if end > len(lines):
            raise ValueError(f"{path} is cut short")
        text = "".join(lines[position:end])
        frame = ase.io.read(io.StringIO(text), format="extxyz")
        assert isinstance(frame, Atoms)
        yield text, frame
        position = end


def write_frame_texts(path: Path, texts: Sequence[str]) -> None:
    """Write frames as an extxyz file. Raises InputError where it cannot be written."""
    with output_file(path) as temporary:
        temporary.write_text("".join(texts))
