"""Long runs of numbers as text, in bulk: one format string for thousands of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

import numpy as np

from deepaw.errors import InputError

_CHUNK = 100_000


def format_rows(values: np.ndarray, number: str, per_line: int, run: int | None = None) -> Iterator[bytes]:
    """`values` as lines of `per_line` numbers, each in the %-format `number`; the last line may be shorter.

    With `run`, every run of so many values starts a new line; `values` then holds whole runs. In chunks of about
    100,000 numbers, so that the text held does not grow with the array.
    """
    run = run or per_line
    row = _lines(number, per_line, run)
    step = max(1, _CHUNK // run) * run
    for start in range(0, len(values), step):
        chunk = values[start : start + step].tolist()
        rows, rest = divmod(len(chunk), run)
        yield ((row * rows + _lines(number, per_line, rest)) % tuple(chunk)).encode()


def read_numbers(file: TextIO, count: int, name: str) -> np.ndarray:
    """The next `count` numbers of `file`, float64; they must end with a line.

    Raises InputError, calling the file `name`: it ends early, holds something that is not a number, or does not break
    the line after the last.
    """
    values = np.empty(count)
    done, lines, per_line = 0, 1, 0  # the first line tells how many numbers a line has
    while done < count:
        text = "".join(islice(file, lines))
        if not text:
            raise InputError(f"{name} ends after {done} of the {count} numbers on its grid; it may be truncated.")
        chunk = _parse(text, name)
        if done + len(chunk) > count:
            raise InputError(f"{name} has more numbers than the {count} of its grid.")
        values[done : done + len(chunk)] = chunk
        per_line = per_line or max(1, len(chunk))
        done += len(chunk)
        lines = max(1, min(_CHUNK, count - done) // per_line)
    return values


def _lines(number: str, per_line: int, count: int) -> str:
    whole, rest = divmod(count, per_line)
    return (number * per_line + "\n") * whole + (number * rest + "\n" if rest else "")


def _parse(text: str, name: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, sep=" ")
        except (ValueError, DeprecationWarning):
            pass
        # Fortran drops the E of exponents with three digits, and may write D for E
        repaired = re.sub(r"(\d)([+-]\d{3})\b", r"\1E\2", text.upper().replace("D", "E"))
        try:
            return np.fromstring(repaired, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            bad = next((word for word in repaired.split() if not _is_number(word)), "?")
            raise InputError(f"{name} has {bad!r} where the numbers on its grid should be; it is damaged.") from error


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
