"""Write the tensor models and reference results in this folder. Needs DeePMD-kit 3.2.0 with its PyTorch backend.

    python make_tensor_references.py [CASE ...]

As `../peer/make_references.py`, with the results atom_tensor (natoms, n) and tensor (n,), n = 3 or 9, descriptor
(natoms, width), and of dipoles, for each component, force (3, natoms, 3), virial (3, 9) and atom_virial (3, natoms, 9).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.pt.model.model import get_model

sys.path.append(str(Path(__file__).parent.parent / "peer"))
from make_references import PAIR, SE_A, case, set_statistics, structures

DIPOLE: dict[str, Any] = {"type": "dipole"}
POLAR: dict[str, Any] = {"type": "polar"}

CASES = {
    "dipole": case(SE_A, DIPOLE | {"resnet_dt": False}),
    "dipole_selected": case(SE_A | PAIR, DIPOLE | {"numb_fparam": 2, "numb_aparam": 1}, atom_exclude_types=[1]),
    "dipole_hybrid": case({"type": "hybrid", "list": [SE_A, SE_A | PAIR | {"rcut": 2.0, "neuron": [2, 3]}]}, DIPOLE),
    "dipole_single": case(SE_A | {"precision": "float32"}, DIPOLE | {"precision": "float32"}),
    "polar": case(SE_A, POLAR),
    "polar_scaled": case(SE_A, POLAR | {"scale": [0.7, 1.9], "shift_diag": True, "activation_function": "gelu"}),
    "polar_full": case(SE_A, POLAR | {"fit_diag": False, "shift_diag": False, "scale": 2.0}),
    "polar_full_selected": case(SE_A, POLAR | {"fit_diag": False, "scale": [1.3, 0.4]}, atom_exclude_types=[0]),
}


def answers(model: Any, structure: dict[str, np.ndarray], random: np.random.Generator) -> dict[str, np.ndarray]:
    natoms = len(structure["atype"])
    coord = torch.tensor(structure["coord"])[None]
    box = torch.tensor(structure["cell"]).reshape(1, 9) if "cell" in structure else None
    sizes = {"fparam": model.get_dim_fparam(), "aparam": model.get_dim_aparam()}
    shapes = {"fparam": (sizes["fparam"],), "aparam": (natoms, sizes["aparam"])}
    given = {name: random.normal(size=shape) for name, shape in shapes.items() if sizes[name]}
    atype = torch.tensor(structure["atype"])[None]
    parameters = {name: torch.tensor(value)[None] for name, value in given.items()}
    result = model(coord.requires_grad_(), atype, box, do_atomic_virial=True, **parameters)
    found = {name: value.detach().numpy()[0] for name, value in result.items()}
    kind = "dipole" if "dipole" in found else "polar"
    values = {
        **structure,
        **given,
        "atom_tensor": found[kind].reshape(natoms, -1),
        "tensor": found[f"global_{kind}"].reshape(-1),
        "descriptor": model.forward_embedding(coord, atype, box, **parameters)["descriptor"].detach().numpy()[0],
    }
    if kind == "dipole":  # its derivatives have the components after the atoms
        values["force"] = found["force"].transpose(1, 0, 2)
        values["virial"] = found["virial"]
        values["atom_virial"] = found["atom_virial"].transpose(1, 0, 2)
    return values


def make(name: str, folder: Path) -> None:
    random = np.random.default_rng(7)
    script = CASES[name]
    model = get_model(script)
    set_statistics(model, random)
    model.eval()
    reference = {
        f"{place}/{key}": value
        for place, structure in structures(len(script["type_map"])).items()
        for key, value in answers(model, structure, random).items()
    }
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "ref.npz", **reference)
    tree = {"backend": "PyTorch", "model": model.serialize(), "model_def_script": script, "@variables": {}}
    save_dp_model(str(folder / "model.dp"), tree)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        make(wanted, Path(__file__).parent / wanted)
