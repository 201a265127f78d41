"""How fast potentials are trained and evaluated beside DeePMD-kit, in one run.

    python -m venv .peer && .peer/bin/pip install 'deepmd-kit[cpu]==3.2.0'
    python benchmarks/potential.py --peer .peer/bin/python --water ../shared/data/water [--family] [--quick] [PART ...]

--peer (or DEEPAW_PEER): the Python that DeePMD-kit is installed for, with `dp` beside it. --water (or DEEPAW_WATER): a
folder with the water systems data_0 to data_3 of DeePMD-kit's example. --quick: few repetitions, one thread, no 12,288
atoms; it shows that everything runs, and its numbers mean little. --peer-torch (or DEEPAW_PEER_TORCH): a Python with
the peer's PyTorch backend, for family, where that of --peer has none. --member: of family, for some members alone.

training: seconds a step of the water input (se_e2_a, one frame a batch), float64 and float32, 1 and 2 threads, on
frames that are met for the first time, which is what the ratio is about, and on frames that were met before.
inference: energy, forces and virial of 192 to 12,288 atoms with neighbours, one thread, the peer's compressed model
and ours from the same weights, in turns, with atoms moved before every evaluation; peak memory; deviation from the
peer's uncompressed model. floor: the matrix products of the fitting net alone, and how far above them evaluation is.
large: time and memory of one evaluation of a million atoms, ours alone.
family: time and memory of an evaluation by every member of the family; it runs alone, with --family or by its name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from deeppot.family import MEMBERS, answer_family, run_family
from deeppot.floor import answer_floor, run_floor
from deeppot.inference import answer_inference, run_inference
from deeppot.large import answer_large, run_large
from deeppot.run import Run
from deeppot.training import answer_training, run_training
from deeppot.water import TRAINED_ON

PARTS = {
    "training": run_training,
    "inference": run_inference,
    "floor": run_floor,
    "large": run_large,
    "family": run_family,
}
ANSWERS = {
    "training": answer_training,
    "inference": answer_inference,
    "floor": answer_floor,
    "large": answer_large,
    "family": answer_family,
}


def read_arguments() -> argparse.Namespace:
    """Of the command line; a peer or data that are not there end the program with code 2."""
    parser = argparse.ArgumentParser(description="Potentials beside DeePMD-kit 3.2.0.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all but family")
    parser.add_argument("--peer", type=Path, default=Path(os.environ.get("DEEPAW_PEER", ".peer/bin/python")))
    other = os.environ.get("DEEPAW_PEER_TORCH")
    parser.add_argument("--peer-torch", type=Path, default=Path(other) if other else None)
    parser.add_argument("--member", action="append", choices=[*MEMBERS], default=[], help="of the part family")
    parser.add_argument("--water", type=Path, default=Path(os.environ.get("DEEPAW_WATER", "../shared/data/water")))
    parser.add_argument("--family", action="store_true", help="the part family alone")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does everything run?")
    given = parser.parse_args()
    if given.family:
        given.parts = ["family"]
    refusal = None
    if unknown := [name for name in given.parts if name not in PARTS]:
        refusal = f"There is no part {unknown[0]}; the parts are {', '.join(PARTS)}."
    elif not given.peer.is_file() or not given.peer.with_name("dp").is_file():
        refusal = f"{given.peer} is no Python with DeePMD-kit's dp beside it; give one with --peer."
    elif given.peer_torch is not None and not given.peer_torch.is_file():
        refusal = f"There is no {given.peer_torch}; give a Python with DeePMD-kit's PyTorch backend."
    elif missing := [name for name in (*TRAINED_ON, "data_3") if not (given.water / name / "type.raw").is_file()]:
        refusal = f"{given.water} has no water system {missing[0]}; give the folder of data_0 to data_3 with --water."
    if refusal is not None:
        print(refusal, file=sys.stderr)
        sys.exit(2)
    return given


def main() -> None:
    """Run the parts named, or those that run by default."""
    if len(sys.argv) > 2 and sys.argv[1] == "--alone":
        ANSWERS[sys.argv[2]](*sys.argv[3:])
        return
    given = read_arguments()
    # not resolved: the Python of a virtual environment is a link
    peer, water = Path.cwd() / given.peer, given.water.resolve()
    asked = "import importlib.metadata as m; print(m.version('deepmd-kit'), m.version('tensorflow-cpu'))"
    versions = subprocess.run([peer, "-c", asked], capture_output=True, text=True, check=False).stdout.split()
    print(json.dumps({"peer": versions, "python": platform.python_version(), "processors": os.cpu_count()}))
    with tempfile.TemporaryDirectory() as folder:
        torch = None if given.peer_torch is None else Path.cwd() / given.peer_torch
        run = Run(peer, water, Path(folder), given.quick, torch, given.member)
        for name in given.parts or [part for part in PARTS if part != "family"]:
            print(f"\n{name}", flush=True)
            PARTS[name](run)


if __name__ == "__main__":
    main()
