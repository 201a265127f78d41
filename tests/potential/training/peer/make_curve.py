"""Writes initial.dp and curve.json beside this file. Needs DeePMD-kit 3.2.0 with its TensorFlow backend.

    python make_curve.py FOLDER_OF_DP

One frame of eight atoms is all there is to learn from, so that no order of frames matters. The peer starts from a seed;
its initial weights are those after a training with a learning rate of next to nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RATE = {"type": "exp", "start_lr": 0.005, "stop_lr": 1e-6, "decay_steps": 5}
INPUT: dict[str, Any] = {
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {
            "type": "se_e2_a",
            "sel": [20, 40],
            "rcut_smth": 1.0,
            "rcut": 4.0,
            "neuron": [4, 8],
            "axis_neuron": 3,
            "type_one_side": False,
            "precision": "float64",
            "seed": 1,
        },
        "fitting_net": {"neuron": [12, 12], "resnet_dt": True, "precision": "float64", "seed": 1},
    },
    "learning_rate": RATE,
    "loss": {
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 100,
        "limit_pref_f": 1,
        "start_pref_v": 0.5,
        "limit_pref_v": 1,
    },
    "training": {
        "training_data": {"systems": ["frame"], "batch_size": 1},
        "validation_data": {"systems": ["frame"], "batch_size": 1},
        "numb_steps": 100,
        "seed": 10,
        "disp_freq": 5,
        "save_freq": 100,
    },
}


def frame() -> dict[str, np.ndarray]:
    """Eight atoms and made-up labels; types are 0 1 1 0 1 1 0 1."""
    random = np.random.default_rng(3)
    places = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3) * 2.4
    coord = (places + random.normal(0, 0.25, places.shape)).reshape(1, -1)
    box = np.diag([4.8, 4.8, 4.8]).reshape(1, 9) + random.normal(0, 0.1, (1, 9))
    force, virial = random.normal(0, 1, coord.shape), random.normal(0, 1, (1, 9))
    return {"coord": coord, "box": box, "energy": np.array([-21.4]), "force": force, "virial": virial}


def main(bin_folder: Path) -> None:
    """Run the peer twice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "frame" / "set.000").mkdir(parents=True)
        for label, values in frame().items():
            np.save(folder / "frame" / "set.000" / f"{label}.npy", values)
        (folder / "frame" / "type.raw").write_text("0 1 1 0 1 1 0 1\n")
        (folder / "frame" / "type_map.raw").write_text("O\nH\n")

        def dp(*words: str) -> None:
            subprocess.run([bin_folder / "dp", *words], cwd=folder, check=True)

        still = {**INPUT, "learning_rate": {**RATE, "start_lr": 1e-14, "stop_lr": 0.999e-14}}
        (folder / "input.json").write_text(json.dumps(still))
        dp("train", "input.json")
        dp("freeze", "-o", "initial.pb")
        dp("convert-backend", "initial.pb", str(HERE / "initial.dp"))
        (folder / "input.json").write_text(json.dumps(INPUT))
        dp("train", "input.json")
        rows = np.loadtxt(folder / "lcurve.out")
    content = {
        "input": INPUT,
        "frame": {label: values.tolist() for label, values in frame().items()},
        "types": [0, 1, 1, 0, 1, 1, 0, 1],
        "curve": {"step": rows[:, 0].astype(int).tolist(), "e": rows[:, 3].tolist(), "f": rows[:, 5].tolist()}
        | {"v": rows[:, 7].tolist()},
    }
    (HERE / "curve.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
