"""`lcurve.out` in DeePMD-kit's columns."""

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.training.curve import LearningCurve

TRAINING = {"rmse": 25.3, "rmse_f": 0.798, "rmse_e": 0.664}
VALIDATION = {"rmse": 25.5, "rmse_f": 0.805, "rmse_e": float("nan")}


def test_the_format(tmp_path):
    curve = LearningCurve(tmp_path / "lcurve.out")
    curve.append(1, TRAINING, VALIDATION, 1e-3)
    curve.append(200, TRAINING, VALIDATION, 3.51e-8)
    # the first three lines as DeePMD-kit writes them
    assert (tmp_path / "lcurve.out").read_text() == (
        "# step       rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn   lr      \n"
        "# If there is no available reference data, rmse_*_{val,trn} will print nan\n"
        "      1      2.55e+01    2.53e+01           nan    6.64e-01      8.05e-01    7.98e-01    1.0e-03\n"
        "    200      2.55e+01    2.53e+01           nan    6.64e-01      8.05e-01    7.98e-01    3.5e-08\n"
    )


def test_scripts_read_it(tmp_path):
    curve = LearningCurve(tmp_path / "lcurve.out")
    for step in (1, 100):
        curve.append(step, TRAINING, None, 1e-3)
    data = np.genfromtxt(tmp_path / "lcurve.out", names=True)
    assert data.dtype.names == ("step", "rmse_trn", "rmse_e_trn", "rmse_f_trn", "lr")
    assert data["step"].tolist() == [1, 100] and data["rmse_f_trn"][1] == 0.798


def test_every_line_is_there_at_once(tmp_path):
    curve = LearningCurve(tmp_path / "lcurve.out")
    for count in (3, 4, 5):
        curve.append(count, TRAINING, VALIDATION, 1e-3)
        assert len((tmp_path / "lcurve.out").read_text().splitlines()) == count


def test_a_restart_keeps_what_was_before_it(tmp_path):
    path = tmp_path / "lcurve.out"
    curve = LearningCurve(path)
    for step in (1, 100, 200):
        curve.append(step, TRAINING, VALIDATION, 1e-3)
    complete_text = path.read_text()
    path.write_text(complete_text + "    300      2.5")  # the writer was killed
    LearningCurve(path, 100).append(200, TRAINING, VALIDATION, 1e-3)
    assert path.read_text() == complete_text
    LearningCurve(path, 200).append(300, TRAINING, None, 1e-3)
    lines = path.read_text().splitlines()
    assert lines[5].split() == ["#", "step", "rmse_trn", "rmse_e_trn", "rmse_f_trn", "lr"]
    assert lines[7].split()[0] == "300" and len(lines) == 8
    LearningCurve(path)
    assert path.read_text() == ""


def test_a_restart_in_another_folder(tmp_path):
    LearningCurve(tmp_path / "lcurve.out", 100).append(200, TRAINING, VALIDATION, 1e-3)
    assert len((tmp_path / "lcurve.out").read_text().splitlines()) == 3


def test_another_file_of_that_name(tmp_path):
    (tmp_path / "lcurve.out").write_text("# notes\nsomething else\n")
    with pytest.raises(InputError, match=r"lcurve\.out, line 2 is not one of a learning curve; move the file away\."):
        LearningCurve(tmp_path / "lcurve.out", 100)
    assert (tmp_path / "lcurve.out").read_text() == "# notes\nsomething else\n"
