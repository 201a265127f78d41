"""Tables of pair energies: files, splines, and extension to the cutoff."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from deepaw.errors import InputError
from deepaw.potential.shortrange.table import PairTable, interpolate, read_table
from potential.shortrange.tables import smooth_table

TYPES = ("O", "H")


def look_up(table: PairTable, first: int, second: int, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    types = torch.full((len(r),), first), torch.full((len(r),), second)
    coefficients = torch.from_numpy(table.coefficients)
    found = interpolate(coefficients, table.first, table.spacing, types, torch.from_numpy(r))
    return found[0].numpy(), found[1].numpy()


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = smooth_table(2, 3.0)
    table.write(tmp_path / "table.txt", "r O-O O-H H-H")
    read = read_table(tmp_path / "table.txt", TYPES)
    np.testing.assert_allclose(read.rows, table.rows, rtol=1e-12)
    assert (tmp_path / "table.txt").read_text().startswith("# r O-O O-H H-H\n")
    assert (read.first, read.ntypes) == (0.05, 2) and read.end == pytest.approx(3.0)


def test_comments_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("# r, energies\n\n0.1 1 2 3  # first\n0.2 4 5 6\n0.3 0 0 0\n")
    np.testing.assert_array_equal(read_table(path, TYPES).rows, [[0.1, 1, 2, 3], [0.2, 4, 5, 6], [0.3, 0, 0, 0]])


@pytest.mark.parametrize("pair", [(0, 0, 1), (0, 1, 2), (1, 0, 2), (1, 1, 3)])
def test_energies_are_the_clamped_spline_of_their_column(pair: tuple[int, int, int]) -> None:
    table = smooth_table(2, 3.0)
    r = np.random.default_rng(1).uniform(table.first, table.end, 200)
    spline = CubicSpline(table.rows[:, 0], table.rows[:, pair[2]], bc_type="clamped")
    energy, slope = look_up(table, *pair[:2], r)
    np.testing.assert_allclose(energy, spline(r), rtol=0, atol=1e-12 * np.abs(table.rows[:, pair[2]]).max())
    np.testing.assert_allclose(slope, spline(r, 1), rtol=0, atol=1e-10 * np.abs(slope).max())


def test_energies_are_zero_from_the_end_on() -> None:
    table = PairTable(smooth_table(1, 3.0).rows[:20])
    energy, slope = look_up(table, 0, 0, table.end + np.array([-1e-9, 1e-9, 0.3, 9.0]))
    assert energy[0] == pytest.approx(table.rows[-1, 1], rel=1e-6) and not energy[1:].any() and not slope[1:].any()


def test_rows_of_zeros_are_added_up_to_the_cutoff() -> None:
    table = smooth_table(2, 1.0)
    longer = table.reaching(2.01)
    assert longer.end == pytest.approx(2.05) and not longer.rows[20:, 1:].any()
    np.testing.assert_array_equal(longer.rows[:20], table.rows)
    assert longer.reaching(2.01) is longer and table.reaching(1.0) is table


@pytest.mark.parametrize(("rcut", "end"), [(1.31, 1.35), (1.24, 1.25), (1.22, 1.25)])
def test_extension_of_tables_that_do_not_end_at_zero(rcut: float, end: float) -> None:
    table = PairTable(smooth_table(1, 4.0).rows[:24])  # to 1.2 A
    with pytest.warns(UserWarning, match=r"ends at 1\.2 A with energies that are not 0"):
        longer = table.reaching(rcut)
    last = longer.rows[longer.rows[:, 1] == 0]
    assert len(last) == 1 and longer.end == pytest.approx(end if rcut < 1.3 else 1.3)
    change = np.diff(longer.rows[23:, 1])
    assert (change < 0).all()


def test_energies_that_are_cut_off_are_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"not 0 at the cutoff, 2 A"):
        smooth_table(1, 3.0).reaching(2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1 1 2 3\n0.2 1 2\n", r"line 2 has 3 columns; it should have 4: a distance, and .* of the 2 types"),
        ("0.1 1\n0.2 1\n", r"line 1 has 2 columns; it should have 4"),
        ("0.1 1 2 3\n0.2 1 two 3\n", r"line 2 has 'two' where a number belongs"),
        ("0.1 1 2 3\n0.2 1 nan 3\n", r"line 2 has nan, which is not a finite number"),
        ("# one\n0.1 1 2 3\n", r"has 1 rows of numbers; a table has two or more"),
        ("", r"has 0 rows of numbers"),
        ("-0.1 1 2 3\n0.2 1 2 3\n", r"line 1 has the distance -0.1 A; distances begin at 0 or more and rise"),
        ("0.2 1 2 3\n\n0.1 1 2 3\n", r"line 3 has the distance 0.1 A; distances begin at 0 or more and rise"),
        ("0.1 1 2 3\n0.2 1 2 3\n0.4 1 2 3\n", r"line 3 has the distance 0.4 A; .* it should be 0.3\."),
    ],
)
def test_invalid_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"table\.txt,? {message}"):
        read_table(path, TYPES)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt does not exist; model\.use_srtab names a table"):
        read_table(tmp_path / "none.txt", TYPES)
    with pytest.raises(InputError, match="cannot be read as text"):
        read_table(tmp_path, TYPES)
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match="binary, line 1 cannot be read as UTF-8"):
        read_table(tmp_path / "binary", TYPES)
