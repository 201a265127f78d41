"""Universal screened repulsion of nuclei."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepaw.errors import InputError
from deepaw.potential.shortrange.table import read_table
from deepaw.potential.shortrange.zbl import zbl_energy, zbl_table


def test_limit_of_bare_nuclei_at_short_distance() -> None:
    """The screening function is 1.00007 at 0, the sum of its published weights."""
    r = np.array([1e-6])
    assert float(zbl_energy(8, 14, r)[0]) == pytest.approx(14.399645 * 8 * 14 / 1e-6 * 1.00007, rel=1e-4)


def test_screening_length() -> None:
    """Energy of two O atoms at their screening length, 0.8854 a0 / (2 * 8^0.23) = 0.14519 A."""
    length = 0.8854 * 0.529177 / (2 * 8**0.23)
    screening = 0.1818 * np.exp(-3.2) + 0.5099 * np.exp(-0.9423) + 0.2802 * np.exp(-0.4029) + 0.02817 * np.exp(-0.2016)
    energy = float(zbl_energy(8, 8, np.array([length]))[0])
    assert length == pytest.approx(0.14519, rel=1e-3)
    assert energy == pytest.approx(14.399645 * 64 / length * screening, rel=1e-5)
    assert energy == pytest.approx(2646, rel=2e-2)


def test_a_table_has_all_pairs_and_goes_to_zero() -> None:
    table = zbl_table(["O", "H"], 5.0, 0.01)
    assert table.rows.shape == (500, 4) and table.first == pytest.approx(0.01) and table.end == pytest.approx(5.0)
    r = table.rows[:, 0]
    inside = r < 4.0
    for column, pair in ((1, (8, 8)), (2, (8, 1)), (3, (1, 1))):
        np.testing.assert_allclose(table.rows[inside, column], zbl_energy(*pair, r[inside]), rtol=1e-12)
    assert not table.rows[-1, 1:].any() and (np.diff(table.rows[:, 1:], axis=0) < 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["O", "Q"], 5.0, 0.01), "type Q is not a chemical element"),
        ((["X"], 5.0, 0.01), "type X is not a chemical element"),
        ((["O"], 5.0, 0.0), r"spacing of 0 A up to 5 A makes no table"),
        ((["O"], 5.0, 4.0), r"spacing of 4 A up to 5 A makes no table"),
        ((["O"], -1.0, 0.1), "makes no table"),
        ((["O"], float("inf"), 0.1), "makes no table"),
    ],
)
def test_invalid_arguments(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        zbl_table(*arguments)


def test_a_training_reads_the_table_that_the_command_line_writes(tmp_path: Path) -> None:
    from deepaw.cli.app import app

    path = tmp_path / "zbl.txt"
    result = CliRunner().invoke(app, ["data", "zbl", "O", "H", "-o", str(path), "--rcut", "4"])
    assert result.exit_code == 0 and "800 distances up to 4 A, 3 pairs of types" in result.output
    assert path.read_text().startswith("# r (A), and energies (eV) of O-O, O-H, H-H\n")
    table = read_table(path, ["O", "H"])
    np.testing.assert_allclose(table.rows, zbl_table(["O", "H"], 4.0, 0.005).rows, rtol=1e-11)
    assert table.reaching(4.0) is table
