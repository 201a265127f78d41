"""Figures of many structures: their summary, the CSV and the picture."""

import csv

import numpy as np
import pytest
from matplotlib.image import imread

from deepaw.density.evaluation.compare import Comparison
from deepaw.density.evaluation.occupancies import OccupancyComparison
from deepaw.density.evaluation.picture import MOST_KINDS, write_picture
from deepaw.density.evaluation.summary import OVERALL, summarise
from deepaw.density.evaluation.table import COLUMNS, write_table
from deepaw.density.occupancies.errors import ElementError
from deepaw.errors import InputError


def comparison(kind: str, number: int, nmae: float, off: float = 0.0, fitted: float | None = 0.04) -> Comparison:
    reference = np.linspace(-1, 8, 50, dtype=np.float32)
    return Comparison(
        f"{kind}_{number}", kind, 2, 1000, 8.0, off, nmae, None, fitted, 0.25, reference, reference * (1 + nmae)
    )


THREE = [comparison("salt", 1, 0.01, 0.2), comparison("salt", 2, 0.05, -0.3), comparison("rutile", 1, 0.04, 0.1)]


def test_means_medians_and_worst():
    rutile, salt, everything = summarise(THREE)
    assert [rutile.kind, salt.kind, everything.kind] == ["rutile", "salt", OVERALL]
    assert (salt.nmae.mean, salt.nmae.median, salt.nmae.worst) == (pytest.approx(0.03), pytest.approx(0.03), 0.05)
    assert (everything.nmae.mean, everything.nmae.median) == (pytest.approx(0.1 / 3), 0.04)
    assert (everything.nmae.worst, everything.nmae.worst_name, everything.count) == (0.05, "salt_2", 3)
    assert (salt.electron_error, rutile.electron_error, everything.electron_error) == (-0.3, 0.1, -0.3)
    assert salt.fitted is not None
    assert salt.fitted.mean == pytest.approx(0.04)
    assert salt.scaled is None


def test_a_figure_that_one_structure_lacks_has_no_mean():
    assert summarise([*THREE, comparison("salt", 3, 0.01, fitted=None)])[-1].fitted is None


def test_the_table_reads_back(tmp_path):
    write_table(tmp_path / "figures.csv", THREE)
    with (tmp_path / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == ["salt_1", "salt_2", "rutile_1"]
    assert float(rows[1]["nmae"]) == 0.05
    assert float(rows[1]["electron_error"]) == -0.3
    assert rows[0]["nmae_scaled"] == ""


def test_elements_with_occupancies_have_columns(tmp_path):
    elements = [ElementError(symbol, 3, 0.2, None, 0.5) for symbol in ("O", "Hf")]
    occupancies = OccupancyComparison(elements, {"salt_1": {"O": 0.25}, "rutile_1": {"O": 0.125, "Hf": 0.5}})
    write_table(tmp_path / "figures.csv", THREE, occupancies)
    with (tmp_path / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == (*COLUMNS, "occupancies_O", "occupancies_Hf")
    assert [row["occupancies_O"] for row in rows] == ["0.25", "", "0.125"]
    assert [row["occupancies_Hf"] for row in rows] == ["", "", "0.5"]


@pytest.mark.parametrize("count", [1, MOST_KINDS + 3])
def test_the_picture_is_one(tmp_path, count):
    path = tmp_path / "parity.png"
    write_picture(
        path, [comparison(f"kind{n}", 1, 0.01 * (n + 1), fitted=None if count == 1 else 0.9) for n in range(count)]
    )
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 400
    assert pixels.std() > 0.05
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_to_write_to(tmp_path):
    for write in (write_table, write_picture):
        with pytest.raises(InputError, match="does not exist"):
            write(tmp_path / "none" / "figures", THREE)
