"""Learning curve against that of DeePMD-kit from equal weights and data."""

import json
from pathlib import Path

import numpy as np

from deepaw.potential.input import read_potential_input
from potential.trainings import curve, train

PEER = Path(__file__).parent / "peer"


def test_same_curve(tmp_path):
    reference = json.loads((PEER / "curve.json").read_text())
    labels = tmp_path / "frame" / "set.000"
    labels.mkdir(parents=True)
    for name, values in reference["frame"].items():
        np.save(labels / f"{name}.npy", np.array(values))
    (tmp_path / "frame" / "type.raw").write_text(" ".join(map(str, reference["types"])))
    (tmp_path / "frame" / "type_map.raw").write_text("O\nH\n")
    (tmp_path / "input.json").write_text(json.dumps(reference["input"]))

    train(read_potential_input(tmp_path / "input.json"), tmp_path, tmp_path, init_model=PEER / "initial.dp")

    rows = {int(row[0]): row for row in curve(tmp_path)}
    expected = reference["curve"]
    for position, step in enumerate(expected["step"]):
        if step == 0:
            continue  # the peer's first row is from before the first step
        # rmse_e_val, rmse_f_val, rmse_v_val; both are printed with three digits
        for column, name in ((3, "e"), (5, "f"), (7, "v")):
            np.testing.assert_allclose(rows[step][column], expected[name][position], rtol=6e-3)
