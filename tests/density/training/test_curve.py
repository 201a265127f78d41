"""`lcurve.out` and its picture."""

import math

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


@pytest.mark.parametrize("text", ["10 0.1\n", "a b c d e f g h i\n", "\n"])
def test_another_file_of_that_name(tmp_path, text):
    path = tmp_path / "lcurve.out"
    path.write_text(text)
    with pytest.raises(InputError, match=r"lcurve\.out, line 1 is not one of a learning curve"):
        LearningCurve(path, 5)
    assert path.read_text() == text


@pytest.mark.parametrize("baseline", [0.02, math.nan])
@pytest.mark.parametrize("points", [POINTS, POINTS[:1], []])
def test_picture(tmp_path, points, baseline):
    draw_curve(points, tmp_path / "lcurve.png", baseline)
    assert (tmp_path / "lcurve.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1
