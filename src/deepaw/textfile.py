"""Text files for reading: UTF-8, or what a byte-order mark says; any other encoding is refused by its line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from deepaw.errors import InputError

UTF8 = "utf-8"
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by byte-order mark; that of UTF-16 is the beginning of that of UTF-32, which is therefore first."""

BEGINNING = 4096
"""Bytes at the beginning of a file that are searched for the zeros of UTF-16 without a byte-order mark."""


def read_text(path: str | Path) -> str:
    """Read a whole text file, its line ends as newlines.

    Raises InputError: a line that is not UTF-8. OSError: a file that cannot be opened.
    """
    with open_text(path) as file:
        return file.read()


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file for reading; errors as of `read_text`, also those of reading within the `with` block."""
    with Path(path).open("rb") as binary, decoded(binary, str(path)) as text:
        yield text


def open_numbers(path: str | Path) -> TextIO:
    """Open a text file of numbers, whose comments may be in any encoding that keeps ASCII.

    Raises InputError: UTF-16 or the like without a byte-order mark. OSError: a file that cannot be opened.
    """
    with Path(path).open("rb") as binary:
        beginning = binary.read(BEGINNING)
        encoding = marked_encoding(beginning)
        if encoding is None and b"\0" in beginning:
            raise encoding_error(binary, str(path))
    return Path(path).open(encoding=encoding or "latin-1")


@contextmanager
def decoded(binary: IO[bytes], name: str) -> Iterator[TextIO]:
    """Decode an open file from its beginning on, for files that are opened otherwise, such as compressed ones.

    name: what errors call the file. Raises InputError, also within the `with` block: a line that is not UTF-8.
    """
    binary.seek(0)
    beginning = binary.read(BEGINNING)
    binary.seek(0)
    encoding = marked_encoding(beginning) or UTF8
    if encoding == UTF8 and b"\0" in beginning:
        raise encoding_error(binary, name)
    text = io.TextIOWrapper(binary, encoding=encoding)
    try:
        yield text
    except UnicodeError:
        raise encoding_error(binary, name) from None
    finally:
        text.detach()  # so that the file is closed by who opened it


def marked_encoding(beginning: bytes) -> str | None:
    """Return the encoding that a byte-order mark at the beginning of a file says, or None where there is no mark."""
    return next((encoding for mark, encoding in MARKS.items() if beginning.startswith(mark)), None)


def encoding_error(binary: IO[bytes], name: str) -> InputError:
    """Return the error that says which line of an open file is not in its encoding; the last, if all lines are."""
    binary.seek(0)
    encoding = marked_encoding(binary.read(4))
    if encoding not in (None, "utf-8-sig"):
        return InputError(
            f"{name} has the byte-order mark of {encoding.upper()} and cannot be read as that; save it as UTF-8."
        )
    binary.seek(0)
    number, reason = 0, "it ends within a character"
    for number, line in enumerate(binary, start=1):  # noqa: B007
        try:
            line.decode(UTF8)
        except UnicodeDecodeError as error:
            reason = f"byte 0x{line[error.start]:02x} at column {error.start + 1}"
            break
        if b"\0" in line:
            reason = f"a zero byte at column {line.index(0) + 1}, as UTF-16 has"
            break
    return InputError(f"{name}, line {number} cannot be read as UTF-8 ({reason}); save the file as UTF-8.")
