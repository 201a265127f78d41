"""Write the models and reference results in this folder. Needs DeePMD-kit 3.2.0 with its PyTorch backend.

    python make_zbl_references.py [CASE ...]

Potentials with a short-range table (`use_srtab`), which that backend supports only for descriptors of the se_atten
family. Files are as for `../peer/make_references.py`; table.txt is the table of `extended`, which ends before the
cutoff with energies that are not 0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.pt.model.model import get_model

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "peer"))

from make_references import answers, case, set_statistics, structures  # noqa: E402

ATTEN: dict[str, Any] = {
    "type": "se_atten",
    "sel": 36,
    "rcut_smth": 1.0,
    "rcut": 3.0,
    "neuron": [3, 6],
    "axis_neuron": 2,
    "attn_layer": 0,
    "tebd_dim": 2,
    "tebd_input_mode": "strip",
    "smooth_type_embedding": True,
    "seed": 1,
}
SHORT = {"sw_rmin": 1.0, "sw_rmax": 1.9}

CASES = {
    "atten": case(ATTEN, **SHORT),
    "atten_dropped": case(ATTEN | {"sel": 7}, **SHORT),
    "atten_excluded": case(ATTEN, **SHORT, pair_exclude_types=[[0, 1]], atom_exclude_types=[1]),
    "extended": case(ATTEN, **SHORT),
}
SOFTNESS = {"extended": 0.2}
"""smin_alpha of cases, set explicitly as the backend ignores it in the input."""


def write_table(path: Path, last: float) -> None:
    """Write screened repulsions of 0-0, 0-1 and 1-1 up to the distance `last`, A; they are 0 at 3 A."""
    r = np.arange(1, round(last / 0.05) + 1) * 0.05
    fading = np.exp(-r / 0.4) / r * (1 - r / 3.0) ** 3
    np.savetxt(path, np.stack([r, 90 * fading, 30 * fading, 11 * fading], axis=1), fmt="%.8e")


def make(name: str) -> None:
    random = np.random.default_rng(7)
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    table = folder / "table.txt"
    write_table(table, 2.2 if name == "extended" else 3.0)
    script = CASES[name] | {"use_srtab": str(table)}
    model = get_model(script)
    atomic = model.atomic_model
    atomic.smin_alpha = SOFTNESS.get(name, 0.1)
    set_statistics(_Network(atomic), random)
    model.eval()
    reference = {
        f"{place}/{key}": value
        for place, structure in structures(2).items()
        for key, value in answers(model, structure, random).items()
    }
    np.savez_compressed(folder / "ref.npz", **reference)
    script["use_srtab"] = "table.txt"
    tree = {"backend": "PyTorch", "model": model.serialize(), "model_def_script": script, "@variables": {}}
    save_dp_model(str(folder / "model.dp"), tree)
    if name != "extended":
        table.unlink()


class _Network:
    """Network of a potential, with the attributes that `set_statistics` uses."""

    def __init__(self, atomic: Any) -> None:
        network = atomic.models[0]
        self.atomic_model = self
        self.descriptor, self.fitting_net, self.out_bias = network.descriptor, network.fitting_net, atomic.out_bias


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        make(wanted)
