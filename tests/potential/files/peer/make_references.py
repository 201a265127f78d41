"""Write the models and reference results in this folder. Needs DeePMD-kit 3.2.0 with its PyTorch backend.

    python make_references.py [CASE ...]

Every case is a folder with model.dp and ref.npz. The models have random weights, and random statistics and energy
biases that all affect predictions. `ref.npz` has, for each structure: coord (natoms, 3), A, cell (3, 3), A, if
periodic, atype, fparam and aparam if the model takes them, and the results: energy (), force (natoms, 3), virial (9,),
atom_energy (natoms,), atom_virial (natoms, 9), descriptor (natoms, width).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.pt.model.model import get_model

SE_A: dict[str, Any] = {
    "type": "se_e2_a",
    "sel": [16, 20],
    "rcut_smth": 1.0,
    "rcut": 3.0,
    "neuron": [3, 6],
    "axis_neuron": 2,
    "type_one_side": True,
    "seed": 1,
}
SE_R: dict[str, Any] = {
    "type": "se_e2_r",
    "sel": [24, 30],
    "rcut_smth": 0.5,
    "rcut": 3.5,
    "neuron": [4, 4],
    "type_one_side": True,
    "seed": 2,
}
ATTEN: dict[str, Any] = {
    "type": "se_atten",
    "sel": 30,
    "rcut_smth": 1.0,
    "rcut": 3.0,
    "neuron": [3, 6],
    "axis_neuron": 2,
    "tebd_dim": 3,
    "attn": 5,
    "attn_layer": 0,
    "set_davg_zero": True,
    "smooth_type_embedding": False,
    "seed": 4,
}
SMOOTH = {"tebd_input_mode": "strip", "smooth_type_embedding": True, "set_davg_zero": False}
SE_T: dict[str, Any] = {
    "type": "se_e3",
    "sel": [16, 20],
    "rcut_smth": 1.0,
    "rcut": 3.0,
    "neuron": [3, 6],
    "seed": 4,
}
ENER: dict[str, Any] = {"type": "ener", "neuron": [5, 5], "seed": 3}
PAIR = {"type_one_side": False}
SMALL = {"sel": [2, 3]}  # fewer than there are


def case(descriptor: dict[str, Any], fitting: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    return {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": ENER | (fitting or {}), **model}


CASES = {
    "one_side": case(SE_A),
    "pairs_resnet_dt": case(SE_A | PAIR | {"resnet_dt": True, "neuron": [1, 2, 4]}, {"resnet_dt": False}),
    "radial": case(SE_R),
    "radial_excluded": case(SE_R | {"exclude_types": [[0, 1]], "resnet_dt": True}),
    "triples": case(SE_T),
    "triples_resnet_dt": case(SE_T | {"resnet_dt": True, "neuron": [2, 4, 4], "activation_function": "gelu"}),
    "triples_excluded": case(SE_T | {"sel": [16, 12, 12], "exclude_types": [[0, 1], [2, 2]]})
    | {"type_map": ["O", "H", "He"]},
    "triples_dropped": case(SE_T | SMALL),
    "triples_dropped_overall": case(SE_T | {"sel": [2, 11], "env_protection": 0.2}),
    "triples_beside_pairs": case({"type": "hybrid", "list": [SE_T | {"rcut": 2.5}, SE_A, SE_R]}),
    "triples_single": case(SE_T | {"precision": "float32"}, {"precision": "float32"}),
    "excluded": case(SE_A | {"exclude_types": [[0, 0]]}),
    "excluded_pairs": case(SE_A | PAIR | {"exclude_types": [[0, 1], [1, 1]]}),
    "hybrid": case({"type": "hybrid", "list": [SE_A, SE_R, SE_A | PAIR | {"rcut": 2.0, "neuron": [2, 3]}]}),
    "hybrid_dropped": case(
        {
            "type": "hybrid",
            "list": [SE_A | SMALL | {"exclude_types": [[0, 1]]}, SE_R | {"sel": [3, 2], "exclude_types": [[0, 0]]}],
        }
    ),
    "hybrid_atten": case({"type": "hybrid", "list": [SE_A, ATTEN | {"attn_layer": 1}, SE_R | {"rcut": 3.0}]}),
    "hybrid_atten_nearer": case({"type": "hybrid", "list": [SE_R, ATTEN | {"attn_layer": 1}]}),
    "hybrid_atten_dropped": case(
        {
            "type": "hybrid",
            "list": [
                ATTEN | SMOOTH | {"attn_layer": 2, "sel": 11, "exclude_types": [[1, 1]]},
                SE_R | {"sel": [5, 4]},
                ATTEN | SMOOTH | {"sel": 7, "rcut": 2.5, "concat_output_tebd": False},
                SE_A | {"sel": [4, 6]},
            ],
        },
        {"numb_fparam": 1},
    ),
    "dropped": case(SE_A | SMALL),
    "dropped_overall": case(SE_A | {"sel": [2, 11]}),
    "dropped_radial": case(SE_R | SMALL),
    "no_slots": case(SE_A | {"sel": [0, 20]}),
    "types_excluded": case(SE_A, atom_exclude_types=[1], pair_exclude_types=[[0, 1]]),
    "pair_excluded_radial": case(SE_R, pair_exclude_types=[[1, 1]]),
    "parameters": case(SE_A, {"numb_fparam": 2, "numb_aparam": 1, "activation_function": "gelu"}),
    "default_parameters": case(SE_A, {"numb_fparam": 2, "default_fparam": [0.3, -0.7]}),
    "atom_ener": case(SE_A | {"set_davg_zero": True}, {"atom_ener": [-3.0, None], "numb_fparam": 1}),
    "three_types": case(SE_A | PAIR | {"sel": [16, 12, 12], "set_davg_zero": True}, {"activation_function": "relu"})
    | {"type_map": ["O", "H", "He"]},
    "protection": case(SE_A | {"env_protection": 0.3, "activation_function": "softplus"}, {"neuron": [12, 24, 24]}),
    "no_hidden_layer": case(SE_A | {"neuron": [6], "activation_function": "silut:2.0"}, {"neuron": []}),
    "single": case(SE_A | {"precision": "float32"}, {"precision": "float32"}),
    "mixed_precision": case(SE_A | {"precision": "float32"}, {"precision": "float64"}),
    "atten": case(ATTEN),
    "atten_one_side": case(ATTEN | {"type_one_side": True, "resnet_dt": True, "neuron": [1, 2, 4], "tebd_dim": 4}),
    "atten_strip": case(ATTEN | {"tebd_input_mode": "strip", "use_tebd_bias": True}),
    "atten_strip_smooth": case(ATTEN | SMOOTH | {"type_one_side": True}),
    "atten_layers": case(ATTEN | {"attn_layer": 2, "tebd_dim": 4}),
    "atten_layers_smooth": case(ATTEN | {"attn_layer": 2, "smooth_type_embedding": True}),
    "atten_layers_strip": case(
        ATTEN | SMOOTH | {"attn_layer": 1, "concat_output_tebd": False, "env_protection": 0.2, "resnet_dt": True},
        {"numb_fparam": 1},
    )
    | {"type_map": ["O", "H", "He"]},
    "atten_plain": case(
        ATTEN | {"attn_layer": 1, "attn_dotr": False, "normalize": False, "temperature": 0.7, "trainable_ln": False}
    ),
    "atten_scaled": case(ATTEN | {"attn_layer": 1, "scaling_factor": 2.5, "ln_eps": 1e-3}),
    "atten_excluded": case(ATTEN | {"attn_layer": 1, "exclude_types": [[0, 1]]}, atom_exclude_types=[0]),
    "atten_excluded_smooth": case(ATTEN | SMOOTH | {"attn_layer": 1, "exclude_types": [[0, 0]]}),
    "atten_pair_excluded": case(ATTEN | SMOOTH | {"attn_layer": 1}, pair_exclude_types=[[1, 1]]),
    "atten_dropped": case(ATTEN | SMOOTH | {"attn_layer": 1, "sel": 7, "exclude_types": [[1, 1]]}),
    "atten_electrons": case(
        ATTEN | {"use_econf_tebd": True, "activation_function": "silu"}, {"atom_ener": [-1.0, None]}
    ),
    "atten_v2": case({**{k: v for k, v in ATTEN.items() if k != "smooth_type_embedding"}, "type": "se_atten_v2"}),
    "atten_single": case(ATTEN | {"attn_layer": 1, "precision": "float32"}, {"precision": "float32"}),
    **{
        f"activation_{name.replace(':', '_')}": case(
            SE_A | {"activation_function": name}, {"activation_function": name, "neuron": [5]}
        )
        for name in ("relu6", "sigmoid", "silu", "silut", "gelu_tf", "linear")
    },
}


def structures(ntypes: int) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    tric = np.array([[4.5, 0.0, 0.0], [1.2, 4.2, 0.0], [-0.8, 0.9, 4.4]])
    result = {}
    for name, cell, natoms in (
        ("pbc", 3.9 * np.eye(3), 6),
        ("tric", tric, 6),
        ("nopbc", None, 6),
        ("tiny", np.array([[2.3, 0.0, 0.0], [0.2, 2.2, 0.0], [0.0, -0.3, 2.4]]), 2),
    ):
        box = 3.0 * np.eye(3) if cell is None else cell
        coord = spread(random, box, natoms)
        result[name] = {"coord": coord, "atype": np.arange(natoms) % ntypes if natoms > 2 else np.array([1, 0])}
        if cell is not None:
            result[name]["cell"] = cell
    return result


def spread(random: np.random.Generator, box: np.ndarray, natoms: int) -> np.ndarray:
    """Return random positions at least 0.9 A apart, images included."""
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    fractions: list[np.ndarray] = []
    while len(fractions) < natoms:
        new = random.random(3)
        apart = [np.linalg.norm((new - old + shifts) @ box, axis=1).min() > 0.9 for old in fractions]
        if all(apart):
            fractions.append(new)
    return np.array(fractions) @ box


def set_statistics(model: torch.nn.Module, random: np.random.Generator) -> None:
    atomic = model.atomic_model
    for part in getattr(atomic.descriptor, "descrpt_list", [atomic.descriptor]):
        part = next((getattr(part, name) for name in ("sea", "seat", "se_atten") if hasattr(part, name)), part)
        radial = torch.tensor(random.uniform(0.05, 0.3, (part.ntypes, 1)))
        spreads = torch.tensor(random.uniform(0.2, 0.5, (part.ntypes, 2)))
        if not part.set_davg_zero:
            part.mean[:, :, 0] = radial
        part.stddev[:, :, 0] = spreads[:, :1]
        part.stddev[:, :, 1:] = spreads[:, 1:, None]
    atomic.out_bias[:] = torch.tensor(random.normal(size=atomic.out_bias.shape))
    fitting = atomic.fitting_net
    for name in ("fparam", "aparam"):
        if getattr(fitting, f"numb_{name}"):
            getattr(fitting, f"{name}_avg")[:] = 0.4
            getattr(fitting, f"{name}_inv_std")[:] = 1.7


def answers(model: Any, structure: dict[str, np.ndarray], random: np.random.Generator) -> dict[str, np.ndarray]:
    natoms = len(structure["atype"])
    coord = torch.tensor(structure["coord"])[None]
    box = torch.tensor(structure["cell"]).reshape(1, 9) if "cell" in structure else None
    given = {}
    if (size := model.get_dim_fparam()) and not model.has_default_fparam():
        given["fparam"] = random.normal(size=size)
    if size := model.get_dim_aparam():
        given["aparam"] = random.normal(size=(natoms, size))
    atype = torch.tensor(structure["atype"])[None]
    parameters = {name: torch.tensor(value)[None] for name, value in given.items()}
    result = model(coord.requires_grad_(), atype, box, do_atomic_virial=True, **parameters)
    descriptor = model.forward_embedding(coord, atype, box, **parameters)["descriptor"]
    return {
        **structure,
        **given,
        "energy": result["energy"].detach().numpy()[0, 0],
        "force": result["force"].detach().numpy()[0],
        "virial": result["virial"].detach().numpy()[0],
        "atom_energy": result["atom_energy"].detach().numpy()[0, :, 0],
        "atom_virial": result["atom_virial"].detach().numpy()[0].reshape(natoms, 9),
        "descriptor": descriptor.detach().numpy()[0],
    }


def make(name: str, folder: Path) -> None:
    random = np.random.default_rng(7)
    script = CASES[name]
    model = get_model(script)
    set_statistics(model, random)
    model.eval()
    places = structures(len(script["type_map"]))
    if name.startswith("activation"):
        places = {"tric": places["tric"]}
    reference = {
        f"{place}/{key}": value
        for place, structure in places.items()
        for key, value in answers(model, structure, random).items()
    }
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "ref.npz", **reference)
    tree = {"backend": "PyTorch", "model": model.serialize(), "model_def_script": script, "@variables": {}}
    save_dp_model(str(folder / "model.dp"), tree)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        make(wanted, Path(__file__).parent / wanted)
