"""Every member of the family: time and memory of an evaluation, beside the peer where it runs it.

Weights are random, statistics those of water; the sections are those of DeePMD-kit's water examples, where it has one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from deeppot.run import Run, Worker, answer
from deeppot.water import supercell, water_input

SLOTS = {"sel": [46, 92], "rcut": 6.0, "rcut_smth": 0.5, "precision": "float64", "seed": 1}
SE_A = SLOTS | {"type": "se_e2_a", "neuron": [25, 50, 100], "axis_neuron": 16, "type_one_side": True}
SE_R = SLOTS | {"type": "se_e2_r", "neuron": [5, 10, 20], "type_one_side": True}
SE_3 = SLOTS | {"type": "se_e3", "sel": [40, 80], "neuron": [2, 4, 8]}
ATTEN = SLOTS | {"type": "se_atten", "sel": 120, "neuron": [25, 50, 100], "axis_neuron": 16, "attn_layer": 0}
STRIP = {"tebd_input_mode": "strip", "smooth_type_embedding": True}
LOCAL = {"type": "loc_frame", "sel_a": [16, 32], "sel_r": [30, 60], "rcut": 6.0, "axis_rule": [0, 1, 0, 0, 1, 1] * 2}
FITTING = {"neuron": [240, 240, 240], "resnet_dt": True, "precision": "float64", "seed": 1}

Section = dict[str, Any]

MEMBERS: dict[str, Section] = {
    "se_e2_a": {"descriptor": SE_A},
    "se_e2_r": {"descriptor": SE_R},
    "hybrid of both": {"descriptor": {"type": "hybrid", "list": [SE_A, SE_R]}},
    "se_e3": {"descriptor": SE_3},
    "type embedding": {"type_embedding": {"neuron": [2, 4, 8], "seed": 1}, "descriptor": SE_A},
    "se_atten, concat": {"descriptor": ATTEN},
    "se_atten, strip": {"descriptor": ATTEN | STRIP},
    "se_atten, 2 layers": {"descriptor": ATTEN | {"attn": 128, "attn_layer": 2}},
    "loc_frame": {"descriptor": LOCAL},
    "dipole": {"descriptor": SE_A, "fitting_net": {"type": "dipole", "sel_type": [0]}},
    "polar": {"descriptor": SE_A, "fitting_net": {"type": "polar", "sel_type": [0]}},
}
KINDS = {"dipole": ("DeepDipole", "deep_dipole"), "polar": ("DeepPolar", "deep_polar")}
"""Members that are no potentials: classes, and where the peer has them."""

COPIES = ((1, 6), (2, 3))
"""Of the frame of 192 atoms along each axis, and evaluations."""

MOST = 8 * 10**9
"""Bytes that the peer may take: beyond, it fails."""


def make_model(water: Path, folder: Path, member: str) -> Path:
    """A file of a model of ours with random weights."""
    import torch

    from deepaw.errors import InputError
    from deepaw.potential.files.formats import write_potential
    from deepaw.potential.input import read_potential_input
    from deepaw.potential.model.atomic import AtomicModel
    from deepaw.potential.model.config import ModelConfig
    from deepaw.potential.model.tensor import TensorModel
    from deepaw.potential.training.trainer import Trainer

    folder.mkdir()
    content = water_input(water, "float64", 0, 1)
    sections = MEMBERS[member]
    fitting = FITTING | sections.get("fitting_net", {})
    content["model"] = {"type_map": ["O", "H"], **sections, "fitting_net": FITTING}
    (folder / "input.json").write_text(json.dumps(content))
    settings = read_potential_input(folder / "input.json")
    model: AtomicModel = Trainer(settings, folder, folder, torch.device("cpu"), say=lambda text: None).run()
    path = folder / "model.safetensors"
    if member in KINDS:
        config = {"type_map": ("O", "H"), "descriptor": model.config.descriptor.model_dump()}
        fitting.pop("resnet_dt")
        tensors = TensorModel(ModelConfig.model_validate(config | {"fitting_net": fitting}))
        tensors.descriptor.load_state_dict(model.descriptor.state_dict())
        model = tensors
    model.save(path)
    with suppress(InputError):  # members that the peer's files have no place for
        write_potential(folder / "model.dp", model)
    return path


def answer_family(program: str, model: str, member: str, water: str) -> None:
    """Seconds of an evaluation, and memory of the process, GB."""
    kind, module = KINDS.get(member, ("DeepPot", "deep_pot"))
    infer = import_module("deepaw.infer" if program == "ours" else f"deepmd.infer.{module}")
    if program != "ours":
        resource.setrlimit(resource.RLIMIT_DATA, (MOST, MOST))
    potential = getattr(infer, kind)(model)
    evaluate = potential.eval_full if member in KINDS else potential.eval

    def measure(copies: int, seed: int) -> dict[str, Any]:
        coord, cell, types = supercell(Path(water), copies, seed)
        start = time.perf_counter()
        evaluate(coord.reshape(1, -1), cell.reshape(1, 9), types, atomic=False)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        return {"seconds": time.perf_counter() - start, "memory": memory}

    answer(measure)


def converted(run: Run, folder: Path) -> dict[str, tuple[Path, Path]]:
    """The Python and the model of each backend of the peer that there is and that reads the model."""
    found = {}
    for backend, python, ending in (("TensorFlow", run.peer, ".pb"), ("PyTorch", run.peer_torch or run.peer, ".pth")):
        path = folder / f"model{ending}"
        words = [python, "-m", "deepmd", "convert-backend", "model.dp", path.name]
        subprocess.run(words, cwd=folder, env=run.environment(1), capture_output=True, check=False)
        if path.exists():
            found[backend] = python, path
    return found


def run_family(run: Run) -> None:
    """Each member in turn; a program in a process of its own."""
    print("us an atom, least of evaluations with forces (of the dipole and polarizability, of every component),")
    print("float64, 1 thread, and peak memory of the process, GB; the ratio is that of the largest size that both ran.")
    print(f"The peer's model is not compressed; it fails where it takes more than {MOST / 1e9:g} GB.")
    runs = COPIES[:1] if run.quick else COPIES
    sizes = [f"{192 * copies**3:,d}" for copies, _ in runs]
    print(f"{'member':20s}{'program':12s}" + "".join(f"{size:>10s}" for size in sizes) + f"{'GB':>8s}{'ratio':>8s}")
    for number, member in enumerate(run.members or MEMBERS):
        folder = run.folder / f"member-{number}"
        models = {"ours": (Path(sys.executable), make_model(run.water, folder, member))}
        if (folder / "model.dp").exists():
            models |= converted(run, folder)
        ours: list[float] = []
        for name, (python, path) in models.items():
            program = "ours" if name == "ours" else "peer"
            worker = Worker(run, python, "family", program, str(path), member, str(run.water))
            least: list[float] = []
            text, memory = f"{member:20s}{name:12s}", float("nan")
            for copies, times in runs:
                replies = [worker.try_to_ask(copies=copies, seed=turn) for turn in range(times)]
                if replies[-1] is None:
                    break
                least.append(min(reply["seconds"] for reply in replies) / (192 * copies**3))
                memory = replies[-1]["memory"]
                text += f"{1e6 * least[-1]:10.1f}"
            worker.close()
            text += f"{'fails':>10s}" * (len(sizes) - len(least)) + f"{memory:8.2f}"
            if name == "ours":
                ours = least
            elif common := list(zip(least, ours, strict=False)):
                text += f"{common[-1][0] / common[-1][1]:8.2f}"
            print(text, flush=True)
