"""Write the models and reference results in this folder, for descriptors that only DeePMD-kit's TensorFlow backend has.

    python make_references.py [CASE ...]

Needs DeePMD-kit 3.2.0 with TensorFlow, which stores these models only in checkpoints and frozen graphs. Every case is
trained for a few steps on random water, so that its statistics and energies of types are those of DeePMD-kit. A case is
a folder with model.dp and ref.npz. model.dp has the weights of the checkpoint, in the layout of `.dp` files of other
descriptors. ref.npz has, for each structure, coord (natoms, 3), A, cell (3, 3), A, if periodic, atype, aparam if the
model takes it, and the results: energy (), atom_energy (natoms,), force (natoms, 3). `training/` has the frames of the
training, coord (nframes, natoms, 3) and so on, with their energies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.infer import DeepPot

FRAME: dict[str, Any] = {
    "type": "loc_frame",
    "sel_a": [2, 4],
    "sel_r": [3, 5],
    "rcut": 3.6,
    # O: its two nearest H; H: its nearest O and H
    "axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
}
MASK: dict[str, Any] = {
    "type": "se_a_mask",
    "sel": [3, 6],
    "neuron": [3, 6],
    "axis_neuron": 2,
    "type_one_side": True,
    "seed": 1,
}
ENER: dict[str, Any] = {"type": "ener", "neuron": [5, 5], "seed": 3}
MASKED = {"numb_aparam": 1, "use_aparam_as_mask": True}


def case(descriptor: dict[str, Any], fitting: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": ENER | (fitting or {})}


CASES = {
    "frame": case(FRAME),
    # from the neighbours known by distance alone, and from all types but one
    "frame_radial_axes": case(FRAME | {"sel_a": [1, 2], "axis_rule": [0, 1, 0, 1, 1, 0, 0, -3, 0, 1, -1, 0]}),
    "frame_nearest": case(
        FRAME | {"rcut": 4.4, "sel_a": [2, 2], "axis_rule": [0, -3, 0, 0, -3, 1, 0, -2, 0, 1, 1, 0]},
        {"resnet_dt": False},
    ),
    "frame_default_axes": case(FRAME | {"sel_a": [0, 6], "sel_r": [4, 20], "axis_rule": []}, {"numb_fparam": 1}),
    "frame_no_angles": case(FRAME | {"sel_a": [0, 0], "axis_rule": [1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]}),
    "mask": case(MASK, MASKED),
    "mask_pairs": case(
        MASK | {"type_one_side": False, "resnet_dt": True, "neuron": [2, 4, 4], "activation_function": "gelu"}, MASKED
    ),
    "mask_excluded": case(MASK | {"exclude_types": [[1, 1]]}, MASKED | {"resnet_dt": False}),
}


def molecules(random: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Return positions (3n, 3) of water molecules near places (n, 3): all O, then the H of each molecule."""
    count = len(places)
    oxygen = places + random.normal(0, 0.15, (count, 3))
    arms = np.array([[0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
    arms = np.einsum("kj,mij->mki", arms, np.linalg.qr(random.normal(size=(count, 3, 3)))[0])
    hydrogen = (oxygen[:, None] + arms + random.normal(0, 0.05, arms.shape)).reshape(-1, 3)
    return np.concatenate([oxygen, hydrogen])


def water_types(count: int) -> np.ndarray:
    return np.repeat([0, 1], [count, 2 * count])


def boxes() -> dict[str, dict[str, np.ndarray]]:
    """Return cells larger and smaller than twice the cutoff; no two periodic images of an atom at equal distance are
    among the nearest neighbours with angular information."""
    random = np.random.default_rng(0)
    sites = np.array(list(np.ndindex(2, 2, 2)), dtype=float)
    cells = {
        "pbc": 6.3 * np.eye(3),
        "tric": np.array([[6.4, 0.0, 0.0], [1.6, 6.1, 0.0], [-0.9, 1.1, 6.2]]),
        "nopbc": None,
        "small": np.array([[3.3, 0.0, 0.0], [0.3, 6.2, 0.0], [0.0, -0.4, 6.4]]),
    }
    result = {}
    for name, cell in cells.items():
        chosen = sites[:4] if name == "small" else sites[: 5 if cell is None else 8]
        box = 5.2 * np.eye(3) if cell is None else cell
        places = chosen @ (box / 2)
        if name == "small":
            places = np.array([[0, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0, 0.5, 0.5]]) @ box
        coord = molecules(random, places)
        result[name] = {"coord": coord, "atype": water_types(len(places))}
        if cell is not None:
            result[name]["cell"] = cell
    return result


def with_straight_molecule(structure: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Place the two nearest neighbours of the first atom opposite to each other, so that the second axis is replaced by
    the next."""
    coord, (first, second) = structure["coord"].copy(), np.flatnonzero(structure["atype"] == 1)[:2]
    coord[[first, second]] = coord[0] + np.array([[0.0, 0.0, 0.95], [0.0, 0.0, -0.99]])
    return {**structure, "coord": coord}


def clusters() -> dict[str, dict[str, np.ndarray]]:
    """Return one to three molecules, and a single atom, filled up with virtual atoms in the order of types."""
    random = np.random.default_rng(0)
    result = {}
    for name, count in (("one", 1), ("two", 2), ("three", 3)):
        coord = molecules(random, np.array([[0.0, 0.0, 0.0], [2.8, 0.0, 0.0], [0.3, 2.7, 0.2]])[:count])
        full, real = np.zeros((9, 3)), np.zeros((9, 1))
        for first, part in ((0, coord[:count]), (3, coord[count:])):
            full[first : first + len(part)], real[first : first + len(part)] = part, 1.0
        result[name] = {"coord": full, "atype": water_types(3), "aparam": real}
    order = random.permutation(9)
    result["mixed"] = {key: value[order] for key, value in result["two"].items()}
    alone = result["one"]
    result["atom"] = {**alone, "aparam": np.eye(9)[:, :1]}
    return result


def training_frames(masked: bool, nframes: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    if masked:
        frames = list(clusters().values())[:3] * 2
        coord = np.array([frame["coord"] for frame in frames]) + random.normal(0, 0.1, (len(frames), 9, 3))
        aparam = np.array([frame["aparam"] for frame in frames])
        data = {"coord": coord * aparam, "aparam": aparam, "box": np.tile(20 * np.eye(3), (len(frames), 1, 1))}
        natoms = aparam.sum(axis=(1, 2))
    else:
        sites = np.array(list(np.ndindex(2, 2, 2)), dtype=float)
        box = np.tile(6.2 * np.eye(3), (nframes, 1, 1)) + random.normal(0, 0.2, (nframes, 3, 3))
        coord = np.array([molecules(random, sites @ cell / 2) for cell in box])
        data = {"coord": coord, "box": box, "fparam": random.normal(1, 2, (nframes, 1))}
        natoms = np.full(nframes, coord.shape[1])
    types = water_types(data["coord"].shape[1] // 3)
    energy = -3.0 * natoms + random.normal(0, 0.3, len(natoms))
    return {**data, "atype": types, "energy": energy, "force": random.normal(0, 1, data["coord"].shape)}


def write_system(folder: Path, frames: dict[str, np.ndarray], masked: bool) -> None:
    (folder / "set.000").mkdir(parents=True)
    np.savetxt(folder / "type.raw", frames["atype"], fmt="%d")
    (folder / "type_map.raw").write_text("O\nH\n")
    if masked:
        (folder / "nopbc").touch()
    for name, values in frames.items():
        if name != "atype":
            np.save(folder / "set.000" / f"{name}.npy", values.reshape(len(values), -1))


def trained(model: dict[str, Any], folder: Path) -> tuple[DeepPot, Any]:
    """Train a model; return the frozen model and the checkpoint."""
    masked = model["descriptor"]["type"] == "se_a_mask"
    frames = training_frames(masked)
    write_system(folder / "data", frames, masked)
    script = {
        "model": {**model, "data_stat_nbatch": len(frames["coord"])},  # each frame once
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-3, "decay_steps": 2},
        "loss": {"type": "ener", "start_pref_e": 1, "limit_pref_e": 1, "start_pref_f": 1, "limit_pref_f": 1},
        "training": {
            "training_data": {"systems": ["data"], "batch_size": 1},
            "numb_steps": 5,
            "seed": 1,
            "disp_freq": 5,
            "save_freq": 5,
        },
    }
    (folder / "input.json").write_text(json.dumps(script))
    for command in (["train", "input.json"], ["freeze", "-o", "frozen.pb"]):
        subprocess.run(
            [sys.executable, "-m", "deepmd", "--tf", *command], cwd=folder, check=True, stderr=subprocess.DEVNULL
        )
    return DeepPot(str(folder / "frozen.pb")), tf.train.load_checkpoint(str(folder / "model.ckpt"))


def answers(model: DeepPot, structure: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    cell = structure["cell"].reshape(1, 9) if "cell" in structure else None
    aparam = {"aparam": structure["aparam"].reshape(1, -1)} if "aparam" in structure else {}
    fparam = {"fparam": structure["fparam"].reshape(1, -1)} if "fparam" in structure else {}
    found = model.eval(structure["coord"].reshape(1, -1), cell, structure["atype"], atomic=True, **aparam, **fparam)
    return {"energy": found[0][0, 0], "atom_energy": found[3][0, :, 0], "force": found[1][0]}


def layer(
    get: Any, activation: str, residual: bool, matrix: str, bias: str, idt: str, shift: float = 0.0
) -> dict[str, Any]:
    timestep = get.has_tensor(idt)
    return {
        "@class": "Layer",
        "@version": 2,
        "bias": True,
        "use_timestep": timestep,
        "activation_function": activation,
        "resnet": residual,
        "precision": "float64",
        "trainable": True,
        "@variables": {
            "w": get.get_tensor(matrix),
            "b": get.get_tensor(bias) + shift,
            "idt": get.get_tensor(idt) if timestep else None,
        },
    }


def collection(networks: list[Any], ndim: int) -> dict[str, Any]:
    return {"@class": "NetworkCollection", "@version": 1, "ndim": ndim, "ntypes": 2, "networks": networks}


def network(layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"@version": 1, "layers": layers}


def descriptor_of(section: dict[str, Any], get: Any) -> dict[str, Any]:
    common = {**section, "@class": "Descriptor", "@version": 1, "type_map": ["O", "H"]}
    common.pop("seed", None)
    if section["type"] == "loc_frame":
        statistics = {
            name: get.get_tensor(f"descrpt_attr/t_{ours}") for name, ours in (("davg", "avg"), ("dstd", "std"))
        }
        return {**common, "@variables": statistics}
    one_side, activation = section["type_one_side"], section.get("activation_function", "tanh")
    excluded = [tuple(pair) for pair in section.get("exclude_types", [])]
    networks = []
    for index in range(2 if one_side else 4):
        centre, other = ("all", index) if one_side else (index % 2, index // 2)
        if not one_side and ((centre, other) in excluded or (other, centre) in excluded):
            networks.append(None)
            continue
        names = [
            [f"filter_type_{centre}/{part}_{number + 1}_{other}" for part in ("matrix", "bias", "idt")]
            for number in range(len(section["neuron"]))
        ]
        networks.append(network([layer(get, activation, True, *each) for each in names]))
    return {**common, "embeddings": collection(networks, 1 if one_side else 2)}


def fitting_of(section: dict[str, Any], width: int, get: Any) -> dict[str, Any]:
    def net(kind: int) -> dict[str, Any]:
        names = [f"layer_{number}" for number in range(len(section["neuron"]))]
        layers = [
            layer(get, "tanh", True, *(f"{name}_type_{kind}/{part}" for part in ("matrix", "bias", "idt")))
            for name in names
        ]
        last = [f"final_layer_type_{kind}/{part}" for part in ("matrix", "bias", "idt")]
        return network([*layers, layer(get, "none", False, *last)])

    parameters = {}
    for name in ("fparam", "aparam"):
        if get.has_tensor(f"fitting_attr/t_{name}_avg"):
            parameters[f"{name}_avg"] = get.get_tensor(f"fitting_attr/t_{name}_avg")
            parameters[f"{name}_inv_std"] = get.get_tensor(f"fitting_attr/t_{name}_istd")
    kept = {key: value for key, value in section.items() if key != "seed"}
    return {
        **kept,
        "@class": "Fitting",
        "@version": 4,
        "resnet_dt": section.get("resnet_dt", True),
        "dim_descrpt": width,
        "ntypes": 2,
        "nets": collection([net(kind) for kind in range(2)], 1),
        "@variables": {"bias_atom_e": get.get_tensor("fitting_attr/t_bias_atom_e").reshape(2, 1), **parameters},
    }


def tree_of(script: dict[str, Any], get: Any) -> dict[str, Any]:
    """Return the tree of a `.dp` file with the weights of a checkpoint."""
    section = script["descriptor"]
    if section["type"] == "loc_frame":
        width = 4 * sum(section["sel_a"]) + sum(section["sel_r"])
    else:
        width = section["neuron"][-1] * section["axis_neuron"]
    return {
        "backend": "TensorFlow",
        "fixed_slots": False,
        "model": {
            "@class": "Model",
            "@version": 2,
            "type": "standard",
            "type_map": script["type_map"],
            "descriptor": descriptor_of(section, get),
            "fitting": fitting_of(script["fitting_net"], width, get),
            "@variables": {"out_bias": np.zeros((1, 2, 1)), "out_std": np.ones((1, 2, 1))},
        },
        "model_def_script": script,
        "@variables": {},
    }


def make(name: str, folder: Path) -> None:
    script = CASES[name]
    masked = script["descriptor"]["type"] == "se_a_mask"
    structures = clusters() if masked else boxes()
    if script["fitting_net"].get("numb_fparam"):
        structures = {place: {**each, "fparam": np.array([0.7])} for place, each in structures.items()}
    if name == "frame_default_axes":
        structures["straight"] = with_straight_molecule(structures["nopbc"])
    with tempfile.TemporaryDirectory() as scratch:
        model, checkpoint = trained(script, Path(scratch))
        reference = {f"training/{key}": value for key, value in training_frames(masked).items()}
        for place, structure in structures.items():
            for key, value in {**structure, **answers(model, structure)}.items():
                reference[f"{place}/{key}"] = value
        folder.mkdir(exist_ok=True)
        np.savez_compressed(folder / "ref.npz", **reference)
        save_dp_model(str(folder / "model.dp"), tree_of(script, checkpoint))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for wanted in sys.argv[1:] or CASES:
        make(wanted, Path(__file__).parent / wanted)
