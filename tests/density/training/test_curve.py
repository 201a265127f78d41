"""`lcurve.out` and its picture."""

import math
import struct
from dataclasses import replace

import pytest

from deepaw.density.training.curve import CurvePoint, LearningCurve, draw_curve, read_curve
from deepaw.errors import InputError

POINTS = [
    CurvePoint(step, 0.1 / step, 0.2 / step, 0.15 / step, 0.4 / step, 0.001, math.nan, 0.004, 1.5 * step)
    for step in (10, 20, 30)
]


def _write(path):
    curve = LearningCurve(path, 0)
    for point in POINTS:
        curve.append(point)


def test_columns(tmp_path):
    path = tmp_path / "lcurve.out"
    _write(path)
    header, *lines = path.read_text().splitlines()
    names = ["step", "train", "val_mean", "val_median", "val_worst", "val_electrons", "out", "lr", "seconds"]
    assert header.split() == ["#", *names]
    assert lines[0].split() == [
        "10", "1.00000e-02", "2.00000e-02", "1.50000e-02", "4.00000e-02", "1.00000e-03", "nan", "4.00000e-03",
        "1.50000e+01",
    ]  # fmt: skip
    assert {len(line) for line in (header, *lines)} == {len(header)}


def test_read(tmp_path):
    _write(tmp_path / "lcurve.out")
    read = read_curve(tmp_path / "lcurve.out")
    assert [point.step for point in read] == [10, 20, 30]
    assert [point.val_mean for point in read] == pytest.approx([0.02, 0.01, 0.2 / 30], rel=1e-5)
    assert math.isnan(read[0].out)


def test_occupancies_have_columns_of_their_own(tmp_path):
    path = tmp_path / "lcurve.out"
    curve = LearningCurve(path, 0, ["O", "Hf"])
    for point in POINTS:
        curve.append(replace(point, occupancies={"Hf": 0.3 / point.step} if point.step > 10 else {"O": 0.02}))
    header, *lines = path.read_text().splitlines()
    assert header.split()[-3:] == ["seconds", "occ_O", "occ_Hf"]
    assert [line.split()[-2:] for line in lines[:2]] == [["2.00000e-02", "nan"], ["nan", "1.50000e-02"]]
    assert {len(line) for line in (header, *lines)} == {len(header)}
    read = read_curve(path)
    assert read[2].occupancies["Hf"] == pytest.approx(0.01) and math.isnan(read[2].occupancies["O"])
    LearningCurve(path, 20, ["O", "Hf"])
    assert path.read_text().splitlines() == [header, *lines[:2]]


def test_a_restart_in_a_folder_without_these_columns(tmp_path):
    """As of a version that did not write them; and the other way round, they stay."""
    path = tmp_path / "lcurve.out"
    _write(path)
    before = path.read_text().splitlines()
    LearningCurve(path, 20, ["O"]).append(replace(POINTS[2], occupancies={"O": 0.5}))
    lines = path.read_text().splitlines()
    assert [line[: len(before[0])] for line in lines] == before
    assert [point.occupancies["O"] for point in read_curve(path)] == pytest.approx(
        [math.nan, math.nan, 0.5], nan_ok=True
    )
    LearningCurve(path, 30)
    assert path.read_text().splitlines() == lines


def test_picture_of_occupancies(tmp_path):
    symbols = ["H", "Li", "Be", "B", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S"]
    draw_curve(POINTS, tmp_path / "plain.png", 0.02)
    points = [replace(point, occupancies=dict.fromkeys(symbols, 0.1 / point.step)) for point in POINTS]
    for name, shown in (("many", points), ("none", [replace(p, occupancies={"O": math.nan}) for p in POINTS])):
        draw_curve(shown, tmp_path / f"{name}.png", 0.02)
    width, wide = (struct.unpack(">I", (tmp_path / f"{name}.png").read_bytes()[16:20])[0] for name in ("plain", "many"))
    assert wide == 2 * width


def test_a_restart_drops_later_lines_and_keeps_the_others_as_they_are(tmp_path):
    path = tmp_path / "lcurve.out"
    _write(path)
    before = path.read_text().splitlines()
    LearningCurve(path, 20)
    assert path.read_text().splitlines() == before[:3]
    LearningCurve(path, 0)
    assert path.read_text().splitlines() == before[:1]
    assert read_curve(path) == []


def test_a_line_that_was_cut_short_is_passed_over(tmp_path):
    path = tmp_path / "lcurve.out"
    _write(path)
    path.write_text(path.read_text()[:-20])
    assert [point.step for point in read_curve(path)] == [10, 20]
    LearningCurve(path, 30).append(POINTS[2])
    assert [point.step for point in read_curve(path)] == [10, 20, 30]


@pytest.mark.parametrize("text", ["10 0.1\n", "# step occ_O\n1 2 3 4 5 6 7 8 9\n", "a b c d e f g h i\n", "\n"])
def test_another_file_of_that_name(tmp_path, text):
    path = tmp_path / "lcurve.out"
    path.write_text(text)
    with pytest.raises(InputError, match=r"lcurve\.out, line [12] is not one of a learning curve"):
        LearningCurve(path, 5)
    assert path.read_text() == text


@pytest.mark.parametrize("baseline", [0.02, math.nan])
@pytest.mark.parametrize("points", [POINTS, POINTS[:1], []])
def test_picture(tmp_path, points, baseline):
    draw_curve(points, tmp_path / "lcurve.png", baseline)
    assert (tmp_path / "lcurve.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1
