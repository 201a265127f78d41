"""Write the frozen graphs and reference results in this folder.

    python make_graph_references.py [CASE ...]

Needs DeePMD-kit 3.2.0 with TensorFlow. Every case is trained for a few steps on random water and frozen. A case is a
folder with graph.pb.gz, the frozen graph, and ref.npz; ref.npz has, for each structure, coord (natoms, 3), A, cell
(3, 3), A, if periodic, atype, fparam and aparam if the model takes them, and the results of DeePMD-kit: energy (),
atom_energy (natoms,), force (natoms, 3), virial (9,); of tensors instead tensor (n,), atom_tensor (natoms, n),
force (n, natoms, 3), virial (n, 9).

The cases of `OLD_LAYOUTS` are graphs of other cases in the layout of an older DeePMD-kit: without the entries it did
not write, with its names. DeePMD-kit reads them after `dp convert-from`, which gives their reference results.
`compressed` is a graph of `dp compress`, without results. Two cases have a graph.pbtxt.gz, too, written by TensorFlow.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deepmd.tf.entrypoints  # noqa: F401  (before processes are forked)
import numpy as np
import tensorflow as tf
from deepmd.infer import DeepPot
from deepmd.infer.deep_dipole import DeepDipole
from deepmd.infer.deep_polar import DeepPolar
from deepmd.main import main

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "peer_tensorflow"))

from make_references import boxes, clusters, training_frames, write_system  # noqa: E402

PAIRS: dict[str, Any] = {
    "type": "se_e2_a",
    "rcut": 3.6,
    "rcut_smth": 0.8,
    "sel": [12, 20],
    "neuron": [3, 6],
    "axis_neuron": 2,
    "seed": 1,
}
RADIAL: dict[str, Any] = {key: value for key, value in PAIRS.items() if key != "axis_neuron"} | {"type": "se_e2_r"}
TRIPLES: dict[str, Any] = RADIAL | {"type": "se_e3", "rcut": 2.9, "sel": [6, 12], "neuron": [2, 4]}
ATTENTION: dict[str, Any] = PAIRS | {"type": "se_atten", "sel": 30, "attn": 4, "set_davg_zero": True, "neuron": [4, 8]}
FRAME: dict[str, Any] = {
    "type": "loc_frame",
    "sel_a": [2, 4],
    "sel_r": [3, 5],
    "rcut": 3.6,
    "axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
}
MASK: dict[str, Any] = {"type": "se_a_mask", "sel": [3, 6], "neuron": [3, 6], "axis_neuron": 2, "seed": 1}
ENER: dict[str, Any] = {"type": "ener", "neuron": [5, 5], "seed": 3}
DIPOLE: dict[str, Any] = {"type": "dipole", "neuron": [5, 5], "seed": 3, "sel_type": [0]}
POLAR: dict[str, Any] = {"type": "polar", "neuron": [5, 5], "seed": 3}
TYPES: dict[str, Any] = {"neuron": [3, 6], "seed": 2}


def case(descriptor: dict[str, Any], fitting: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    return {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": fitting or ENER, **model}


def hybrid(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "hybrid", "list": list(parts)}


CASES: dict[str, dict[str, Any]] = {
    "pairs": case(PAIRS | {"type_one_side": False, "resnet_dt": True}),
    "pairs_excluded": case(PAIRS | {"type_one_side": False, "exclude_types": [[0, 1]], "activation_function": "gelu"}),
    "one_side": case(PAIRS | {"type_one_side": True, "neuron": [2, 4, 4], "activation_function": "silu"},
                     ENER | {"resnet_dt": False, "activation_function": "gelu_tf"}),
    "one_side_excluded": case(PAIRS | {"type_one_side": True, "exclude_types": [[1, 1]]}),
    "dropped": case(PAIRS | {"type_one_side": True, "sel": [20, 6]}),
    "atom_ener": case(PAIRS | {"type_one_side": True, "set_davg_zero": True}, ENER | {"atom_ener": [-3.0, None]}),
    "single": case(PAIRS | {"type_one_side": True, "precision": "float32"}, ENER | {"precision": "float32"}),
    "typed": case(PAIRS | {"type_one_side": False, "resnet_dt": True}, type_embedding=TYPES | {"resnet_dt": True}),
    "typed_one_side": case(PAIRS | {"type_one_side": True, "activation_function": "softplus", "set_davg_zero": True,
                                     "exclude_types": [[0, 1]]},
                           ENER | {"numb_fparam": 1}, type_embedding=TYPES | {"activation_function": "linear"}),
    "radial": case(RADIAL | {"type_one_side": False, "activation_function": "sigmoid"}),
    "radial_excluded": case(RADIAL | {"type_one_side": True, "exclude_types": [[0, 1]], "resnet_dt": True}),
    "radial_pairs_excluded": case(RADIAL | {"type_one_side": False, "exclude_types": [[0, 0]]}),
    "triples": case(TRIPLES | {"resnet_dt": True}),
    "hybrid": case(hybrid(PAIRS | {"type_one_side": True}, RADIAL | {"type_one_side": True, "rcut": 4.1}, TRIPLES),
                   ENER | {"numb_fparam": 1, "numb_aparam": 2}),
    "table": case(PAIRS | {"type_one_side": True}, use_srtab="table.txt", smin_alpha=0.2, sw_rmin=0.8, sw_rmax=1.1),
    "atten": case(ATTENTION | {"attn_layer": 2, "type_one_side": False, "attn_dotr": False, "exclude_types": [[0, 1]]}),
    "atten_strip": case(ATTENTION | {"attn_layer": 0, "tebd_input_mode": "strip", "exclude_types": [[1, 1]]},
                        type_embedding={"neuron": [6], "seed": 2}),
    "dipole": case(PAIRS | {"type_one_side": False}, DIPOLE),
    "polar": case(PAIRS | {"type_one_side": True}, POLAR | {"sel_type": [1], "scale": [2.0, 3.0]}),
    "polar_full": case(PAIRS | {"type_one_side": True}, POLAR | {"fit_diag": False, "scale": [2.0, 0.5]}),
    "dipole_hybrid": case(hybrid(PAIRS | {"type_one_side": True}, PAIRS | {"type_one_side": True, "rcut": 3.0}),
                          DIPOLE | {"sel_type": [1], "activation_function": "silut:2.0"}),
    "frame": case(FRAME),
    "mask": case(MASK | {"type_one_side": False, "resnet_dt": True, "neuron": [2, 4, 4]},
                 ENER | {"numb_aparam": 1, "use_aparam_as_mask": True}),
    "mask_excluded": case(MASK | {"type_one_side": True, "exclude_types": [[1, 1]]},
                          ENER | {"numb_aparam": 1, "use_aparam_as_mask": True}),
}  # fmt: skip

OLD_LAYOUTS = {
    "old_0_12": ("pairs", "0.12"),
    "old_1_0": ("one_side", "1.0"),
    "old_1_2": ("radial", "1.2"),
    "old_1_3": ("hybrid", "1.3"),
    "old_1_3_dipole": ("dipole", "1.3"),
    "old_1_3_polar": ("polar", "1.3"),
    "old_2_0": ("pairs_excluded", "2.0"),
}
"""Graphs of older versions: the case they are made from, and the version."""

TEXTS = ("one_side", "old_0_12")
"""Cases that are there as text, too."""


def system(model: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return frames with the labels and parameters that a model needs."""
    masked = model["descriptor"]["type"] == "se_a_mask"
    frames = training_frames(masked)
    nframes, natoms = frames["coord"].shape[:2]
    random = np.random.default_rng(8)
    if model["fitting_net"].get("numb_aparam", 0) == 2:
        frames["aparam"] = random.normal(1, 2, (nframes, natoms, 2))
    size = {"dipole": 3, "polar": 9}.get(model["fitting_net"]["type"])
    if size:
        del frames["energy"], frames["force"]
        name = {3: "dipole", 9: "polarizability"}[size]
        frames[name] = random.normal(2, 1, (nframes, size))
    return frames


def write_table(folder: Path) -> None:
    """Write a table of repulsions, eV, between 0.05 and 4 A."""
    r = 0.05 * np.arange(1, 81)
    columns = [strength * np.exp(-r / 0.4) / r for strength in (40.0, 12.0, 3.0)]
    np.savetxt(folder / "table.txt", np.stack([r, *columns], axis=1), fmt="%.10e")


def isolated(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in a process of its own, since TensorFlow keeps graphs and threads."""
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{function.__name__} of {arguments} failed")


def run(folder: Path, *arguments: str) -> None:
    """Run a command of DeePMD-kit in a folder."""
    isolated(_run, folder, arguments)


def _run(folder: Path, arguments: tuple[str, ...]) -> None:
    os.chdir(folder)
    main(["--tf", *arguments])


def train(model: dict[str, Any], folder: Path) -> Path:
    """Train a model and freeze it; return the graph."""
    write_system(folder / "data", system(model), model["descriptor"]["type"] == "se_a_mask")
    write_table(folder)
    loss = {"type": "ener", "start_pref_e": 1, "limit_pref_e": 1, "start_pref_f": 1, "limit_pref_f": 1}
    if model["fitting_net"]["type"] != "ener":
        loss = {"type": "tensor", "pref": 1.0, "pref_atomic": 0.0}
    script = {
        "model": {**model, "data_stat_nbatch": 4},
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-3, "decay_steps": 2},
        "loss": loss,
        "training": {
            "training_data": {"systems": ["data"], "batch_size": 1},
            "numb_steps": 5,
            "seed": 1,
            "disp_freq": 5,
            "save_freq": 5,
        },
    }
    (folder / "input.json").write_text(json.dumps(script))
    run(folder, "train", "input.json", "--skip-neighbor-stat")
    run(folder, "freeze", "-o", "frozen.pb")
    return folder / "frozen.pb"


def structures(model: dict[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Return the structures of a case, with parameters."""
    if model["descriptor"]["type"] == "se_a_mask":
        return {name: place for name, place in clusters().items() if name in ("two", "mixed")}
    places = {name: place for name, place in boxes().items() if name != "small"}
    random = np.random.default_rng(9)
    for place in places.values():
        natoms = len(place["atype"])
        order = random.permutation(natoms)
        place |= {key: place[key][order] for key in ("coord", "atype")}
        fitting = model["fitting_net"]
        if fitting.get("numb_fparam"):
            place["fparam"] = random.normal(1, 1, fitting["numb_fparam"])
        if fitting.get("numb_aparam"):
            place["aparam"] = random.normal(1, 1, (natoms, fitting["numb_aparam"]))
    return places


def answers(path: Path, kind: str, place: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the results of DeePMD-kit for one structure."""
    cell = place["cell"].reshape(1, 9) if "cell" in place else None
    coord, atype = place["coord"].reshape(1, -1), place["atype"]
    if kind == "ener":
        parameters = {name: place[name].reshape(1, -1) for name in ("fparam", "aparam") if name in place}
        energy, force, virial, atom_energy, _ = DeepPot(str(path)).eval(coord, cell, atype, atomic=True, **parameters)
        return {"energy": energy[0, 0], "force": force[0], "virial": virial[0], "atom_energy": atom_energy[0, :, 0]}
    model = {"dipole": DeepDipole, "polar": DeepPolar}[kind](str(path))
    tensor, force, virial, atom_tensor, _ = model.eval_full(coord, cell, atype, atomic=True)
    n = {"dipole": 3, "polar": 9}[kind]
    return {
        "tensor": tensor.reshape(n),
        "atom_tensor": atom_tensor.reshape(-1, n),
        "force": force.reshape(n, -1, 3),
        "virial": virial.reshape(n, 9),
    }


def write_case(name: str, graph: Path, model: dict[str, Any], readable: Path) -> None:
    """Write the folder of a case; readable: the graph that DeePMD-kit evaluates."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "graph.pb.gz").write_bytes(gzip.compress(graph.read_bytes(), mtime=0))
    if name in TEXTS:
        with tempfile.TemporaryDirectory() as scratch:
            tf.io.write_graph(load(graph), scratch, "graph.pbtxt", as_text=True)
            text = (Path(scratch) / "graph.pbtxt").read_bytes()
        (folder / "graph.pbtxt.gz").write_bytes(gzip.compress(text, mtime=0))
    reference = {}
    for place, structure in structures(model).items():
        for key, value in {**structure, **answers(readable, model["fitting_net"]["type"], structure)}.items():
            reference[f"{place}/{key}"] = value
    np.savez_compressed(folder / "ref.npz", **reference)


def load(path: Path) -> Any:
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(path.read_bytes())
    return graph


def old_layout(graph: Any, version: str) -> None:
    """Change a graph into the layout of an older version, with the same results.

    Later entries are dropped; later tensors in the graph get names that mean nothing. Before 2.1 the energies of types
    are biases of the last layers.
    """
    nodes = {node.name: node for node in graph.node}
    later = [name for name in nodes if name.startswith("train_attr/")] + ["model_type"]
    bias = nodes.get("fitting_attr/t_bias_atom_e")
    if bias is not None:
        energies = tf.make_ndarray(bias.attr["value"].tensor)
        for kind, energy in enumerate(energies):
            last = nodes[f"final_layer_type_{kind}/bias"].attr["value"].tensor
            last.CopyFrom(tf.make_tensor_proto(tf.make_ndarray(last) + energy))
        bias.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.zeros_like(energies)))
    renamed = {
        "fitting_attr/t_bias_atom_e": "nothing_0",
        "model_attr/model_attr/t_out_bias": "nothing_1",
        "model_attr/model_attr/t_out_std": "nothing_2",
        "fitting_attr/t_constant_matrix": "nothing_3",
    }
    renamed |= {f"descrpt_attr{part}/original_sel": f"nothing_4{part}" for part in ("", "_0", "_1", "_2")}
    operations: dict[str, str] = {}
    if version == "2.0":
        nodes["model_attr/model_version"].attr["value"].tensor.CopyFrom(tf.make_tensor_proto("1.0"))
    else:
        later.append("model_attr/model_version")
        renamed |= {f"descrpt_attr{part}/sel": f"nothing_5{part}" for part in ("", "_0", "_1", "_2")}
        operations = {"ProdEnvMatA": "DescrptSeA", "ProdEnvMatR": "DescrptSeR"}
    if version in ("0.12", "1.0"):
        later.append("fitting_attr/daparam")
    if version == "0.12":
        later += ["fitting_attr/dfparam", "model_attr/model_type", "model_attr/tmap"]
        operations = {
            "ProdEnvMatA": "DescrptNorot",
            "ProdForceSeA": "ProdForceNorot",
            "ProdVirialSeA": "ProdVirialNorot",
        }
        renamed |= {
            "descrpt_attr/rcut": "t_rcut",
            "descrpt_attr/ntypes": "t_ntypes",
            "descrpt_attr/t_avg": "t_avg",
            "descrpt_attr/t_std": "t_std",
            "o_energy": "energy_test",
            "o_force": "force_test",
            "o_virial": "virial_test",
            "o_atom_energy": "atom_energy_test",
            "o_atom_virial": "atom_virial_test",
        }
    for node in [node for node in graph.node if node.name in later]:
        graph.node.remove(node)
    for node in graph.node:
        node.attr.pop("_class", None)  # names nodes of before
        untyped = version in ("0.12", "1.0", "1.2") and node.op in ("ProdEnvMatA", "ProdForceSeA", "ProdVirialSeA")
        if untyped:
            del node.attr["T"]
        node.op = operations.get(node.op, node.op)
        node.name = rename(node.name, renamed, operations)
        inputs = [rename(name, renamed, operations) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)


def rename(name: str, renamed: dict[str, str], operations: dict[str, str]) -> str:
    """Return the new name of a node or of an input, which may have ^ before it, and /... or :... behind it."""
    prefix = "^" if name.startswith("^") else ""
    core, colon, output = name.removeprefix("^").partition(":")
    for old, new in renamed.items():
        if core == old or core.startswith(f"{old}/"):
            core = new + core[len(old) :]
    core = operations.get(core, core)
    return f"{prefix}{core}{colon}{output}"


def make_old(name: str) -> None:
    source, version = OLD_LAYOUTS[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        graph = tf.compat.v1.GraphDef()
        graph.ParseFromString(gzip.decompress((HERE / source / "graph.pb.gz").read_bytes()))
        old_layout(graph, version)
        (folder / "old.pb").write_bytes(graph.SerializeToString())
        run(folder, "convert-from", version, "-i", "old.pb", "-o", "new.pb")
        isolated(write_case, name, folder / "old.pb", CASES[source], folder / "new.pb")


def make_compressed() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train(CASES["dropped"], folder)
        run(folder, "compress", "-i", "frozen.pb", "-o", "compressed.pb", "-s", "0.5", "-t", "input.json")
        (HERE / "compressed").mkdir(exist_ok=True)
        content = gzip.compress((folder / "compressed.pb").read_bytes(), mtime=0)
        (HERE / "compressed" / "graph.pb.gz").write_bytes(content)


def make(name: str) -> None:
    if name == "compressed":
        make_compressed()
    elif name in OLD_LAYOUTS:
        make_old(name)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            graph = train(CASES[name], Path(scratch))
            isolated(write_case, name, graph, CASES[name], graph)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for wanted in sys.argv[1:] or [*CASES, *OLD_LAYOUTS, "compressed"]:
        make(wanted)
