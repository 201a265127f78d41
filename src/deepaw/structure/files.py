"""Frames of structure files, read by ASE; disorder, which ASE passes over, is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ase import Atoms

from deepaw.errors import InputError
from deepaw.structure.disorder import check_cif_sites, check_occupied, check_res_sites
from deepaw.textfile import decoded, marked_encoding

if TYPE_CHECKING:
    from ase.io.formats import IOFormat

VASP_SUFFIXES = {".vasp", ".poscar", ".contcar"}
_VASP_WORDS = "POSCAR|CONTCAR|CENTCAR|CHGCAR|AECCAR|PARCHG|ELFCAR|LOCPOT"
VASP_NAME = re.compile(
    rf"(?:{_VASP_WORDS}).*|CHG(?:[^A-Z].*)?|.*[._-](?:{_VASP_WORDS}|CHG)[0-9]?",  # but not CHGNet's files
    re.IGNORECASE,
)
"""Names of files that begin as a POSCAR: CHGCAR_2, mgo.CONTCAR, AECCAR0, ..."""

ALL, LAST = slice(None), slice(-1, None)


def read_frames(path: Path, form: str | None = None, frames: slice = ALL) -> list[Atoms]:
    """Read structures from a file.

    form: its format, as ASE calls it; None: guessed from name and content. frames: which of several. Of files of VASP
    that begin with a structure, only that is read: the grid of a CHGCAR and velocities are passed over.

    Raises InputError: a file that ASE cannot read, a line that is not UTF-8, or a site that is not held by one atom.
    """
    what = "a structure" if form is None else form
    hint = "; a POSCAR or another file that ASE reads is needed" if form is None else ""
    try:
        return _frames(path, form, frames)
    except InputError:
        raise
    except Exception as error:  # ASE's readers raise whatever their parsing stumbles over
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__
        raise InputError(f"{path} cannot be read as {what} ({reason}){hint}.") from error


def _frames(path: Path, form: str | None, frames: slice) -> list[Atoms]:
    import ase.io  # a third of a second, so not for those who only want the database
    from ase.io.formats import filetype, get_compression, ioformats

    name = Path(get_compression(str(path))[0])
    if form is None:
        is_vasp = name.suffix.lower() in VASP_SUFFIXES or VASP_NAME.fullmatch(name.name)
        form = "vasp" if is_vasp else filetype(str(path))
    if form == "vasp":
        return _vasp_header(path)
    if form == "cif":
        return _cif_blocks(path)[frames]
    if form == "res":
        with _opened(path) as lines:
            check_res_sites(lines, str(path))
    text_format = form in ioformats and not ioformats[form].isbinary
    if text_format and (text := _marked_text(path, ioformats[form])) is not None:
        images = ase.io.read(io.StringIO(text), index=frames, format=form)
    else:
        try:
            images = ase.io.read(path, index=frames, format=form)
        except Exception:  # what a reader stumbles over may be an encoding, which is the better thing to say
            if text_format:
                _check_encoding(path)
            raise
    structures = images if isinstance(images, list) else [images]
    for number, atoms in enumerate(structures, start=1):
        check_occupied(atoms, str(path) if len(structures) == 1 else f"{path}, frame {number}", form)
    return structures


def _vasp_header(path: Path) -> list[Atoms]:
    from ase.io.vasp import read_vasp_configuration

    with _opened(path) as text:
        return [read_vasp_configuration(text)]


def _cif_blocks(path: Path) -> list[Atoms]:
    from ase.io.cif import parse_cif

    with _opened(path) as text:
        blocks = [block for block in parse_cif(text) if block.has_structure()]
    for block in blocks:
        check_cif_sites(block, str(path) if len(blocks) == 1 else f"{path}, data_{block.name}")
    return [block.get_atoms() for block in blocks]


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    from ase.io.formats import open_with_compression

    with open_with_compression(str(path), "rb") as binary, decoded(binary, str(path)) as text:
        yield text


def _marked_text(path: Path, form: IOFormat) -> str | None:
    """Return the text of a file with a byte-order mark, which ASE's readers do not know; None where there is none."""
    from ase.io.formats import open_with_compression

    with open_with_compression(str(path), "rb") as binary:
        if not form.acceptsfd or marked_encoding(binary.read(4)) is None:
            return None
        with decoded(binary, str(path)) as text:
            return text.read()


def _check_encoding(path: Path) -> None:
    """Raise InputError, with the line, for a file that is not UTF-8."""
    with _opened(path) as text:
        for _ in text:
            pass
