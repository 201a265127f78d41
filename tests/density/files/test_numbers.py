"""Numbers as text in bulk."""

import io

import numpy as np
import pytest

from deepaw.density.files.numbers import format_rows, read_numbers
from deepaw.errors import InputError


def test_lines_are_filled_and_the_last_is_shorter():
    text = b"".join(format_rows(np.arange(7.0), " %3.0f", 3)).decode()
    assert text == "   0   1   2\n   3   4   5\n   6\n"


def test_runs_start_new_lines():
    text = b"".join(format_rows(np.arange(8.0), " %1.0f", 3, run=4)).decode()
    assert text == " 0 1 2\n 3\n 4 5 6\n 7\n"


@pytest.mark.parametrize(("count", "run"), [(100_000, None), (250_001, None), (249_984, 84)])
def test_more_than_one_chunk(count, run):
    values = np.random.default_rng(1).normal(size=count)
    chunks = list(format_rows(values, " %17.10E", 5, run=run))
    assert len(chunks) == -(-count // 100_000)
    file = io.StringIO(b"".join(chunks).decode() + "the end\n")
    assert np.allclose(read_numbers(file, count, "f"), values, rtol=1e-10)
    assert file.readline() == "the end\n"


def test_exponents_as_fortran_writes_them():
    file = io.StringIO("0.5-100 -0.25E+01 1.0D+02\n0.1E-03\n")
    assert read_numbers(file, 4, "f") == pytest.approx([0.5e-100, -2.5, 100.0, 1e-4])


def test_what_is_said_of_damaged_numbers():
    with pytest.raises(InputError, match="f ends after 4 of the 9 numbers"):
        read_numbers(io.StringIO("1 2 3\n4\n"), 9, "f")
    with pytest.raises(InputError, match=r"f has '\*{5}' where"):
        read_numbers(io.StringIO("1 2 *****\n"), 3, "f")
    with pytest.raises(InputError, match="more numbers than the 4"):
        read_numbers(io.StringIO("1 2 3\n4 5 6\n"), 4, "f")
