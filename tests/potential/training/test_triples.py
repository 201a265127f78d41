"""Training, restart and evaluation of three-body descriptors and of nets with kinks, with `sel: "auto"`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.infer import DeepPot
from potential.trainings import DESCRIPTOR, assert_same, curve, settings, train, write_data

TRIPLES: dict[str, Any] = {"type": "se_e3", "rcut": 3.5, "rcut_smth": 1.0, "sel": "auto", "neuron": [4, 8]}
KINKS: dict[str, Any] = DESCRIPTOR | {"activation_function": "relu6", "sel": "auto"}
MEMBERS: dict[str, dict[str, Any]] = {
    "triples": TRIPLES,
    "triples_float32": TRIPLES | {"precision": "float32"},
    "triples_beside_pairs": {"type": "hybrid", "list": [DESCRIPTOR, TRIPLES]},
    "kinks": KINKS,
    "kinks_beside_triples": {"type": "hybrid", "list": [KINKS, TRIPLES]},
}
SECTIONS = {
    "loss": {"start_pref_f": 10.0, "limit_pref_f": 10.0},
    "training": {"numb_steps": 20, "disp_freq": 1, "save_freq": 10},
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.filterwarnings("ignore:sel is")
def test_members_train_restart_and_evaluate(name: str, tmp_path: Path) -> None:
    write_data(tmp_path)
    type_map, fitting = ["O", "H"], {"neuron": [10, 10]}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    training_input = settings(
        tmp_path, model={"type_map": type_map, "descriptor": MEMBERS[name], "fitting_net": fitting}, **SECTIONS
    )
    model = train(training_input, tmp_path, whole)
    assert np.isfinite(curve(whole)).all()

    parts.mkdir()
    shutil.copy(whole / "model.ckpt-10.pt", parts / "model.ckpt-10.pt")
    lines = (whole / "lcurve.out").read_text().splitlines(keepends=True)
    (parts / "lcurve.out").write_text("".join(line for line in lines if line[0] == "#" or int(line.split()[0]) <= 10))
    train(training_input, tmp_path, parts, restart=parts / "model.ckpt-10.pt")
    assert_same(whole, parts)

    data = tmp_path / "valid"
    coord, cell = (np.load(data / "set.000" / f"{array}.npy") for array in ("coord", "box"))
    types = np.loadtxt(data / "type.raw", dtype=int)
    exact = DeepPot(whole / "frozen_model.safetensors", "exact").eval(coord, cell, types)
    for values, expected in zip(DeepPot(model).eval(coord, cell, types), exact, strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
