"""A long simulation of water with the example potential: temperature, radial distributions beside those of the data.

    python benchmarks/waterdynamics.py --water ../shared/data/water [--steps 200000] [--picture water_rdf.png]

192 atoms at 300 K (Nose-Hoover) in LAMMPS, float32, 0.5 fs a step, from a frame of the data. --water (or
DEEPAW_WATER): a folder with the water systems data_0 to data_3 of DeePMD-kit's example.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import matplotlib
import numpy as np

from deeppot.run import Run
from deeppot.water import TRAINED_ON
from dynamics.simulation import write_data

matplotlib.use("Agg")
from matplotlib import pyplot as plt

MODEL = Path(__file__).parents[1] / "examples" / "water.safetensors"

INPUT = """
units metal
atom_style atomic
read_data {data}
mass 1 15.9994
mass 2 1.00794
pair_style deepaw {model} precision float32
pair_coeff * * O H
neighbor 1.0 bin
velocity all create 300.0 7
fix 1 all nvt temp 300.0 300.0 0.1
timestep 0.0005
thermo 1000
dump 1 all custom 200 {prefix}.lammpstrj id type x y z
dump_modify 1 sort id
run {steps}
"""

PAIRS = {"O–O": (0, 0), "O–H": (0, 1), "H–H": (1, 1)}
EDGES = np.linspace(0, 6, 121)
"""A."""

EQUILIBRATION = 0.2
"""Part of the trajectory that is left out."""


def simulate(water: Path, prefix: Path, steps: int) -> None:
    """Run LAMMPS."""
    data = write_data(Run(Path(sys.executable), water, prefix.parent, False), 1)
    script = prefix.with_suffix(".in")
    script.write_text(INPUT.format(data=data, model=MODEL, prefix=prefix, steps=steps))
    command = [str(Path(sys.executable).with_name("deepaw")), "lammps", "-in", str(script), "-log", f"{prefix}.log"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})


def read_temperatures(log: Path) -> np.ndarray:
    """Read the temperatures of a log, K."""
    rows = re.findall(r"^\s*\d+\s+([\d.]+)\s+-[\d.]+\s", log.read_text(), re.M)
    return np.array([float(temperature) for temperature in rows])


def read_trajectory(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read types (natoms,), coordinates (nframes, natoms, 3) and lengths of the cell (3,), A."""
    frames, types, lengths = [], np.zeros(0, dtype=int), np.zeros(3)
    with path.open() as file:
        while head := list(islice(file, 9)):
            natoms = int(head[3])
            bounds = np.array([line.split() for line in head[5:8]], dtype=float)
            rows = np.array([line.split() for line in islice(file, natoms)], dtype=float)
            types, lengths = rows[:, 1].astype(int) - 1, bounds[:, 1] - bounds[:, 0]
            frames.append(rows[:, 2:])
    return types, np.array(frames), lengths


def read_data(water: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read types, coordinates and lengths of the cell of all frames of the training data."""
    sets = [path for name in TRAINED_ON for path in sorted((water / name).glob("set.*"))]
    coord = np.concatenate([np.load(path / "coord.npy") for path in sets]).astype(float)
    box = np.load(sets[0] / "box.npy")[0].reshape(3, 3).astype(float)
    types = np.loadtxt(water / TRAINED_ON[0] / "type.raw", dtype=int)
    return types, coord.reshape(len(coord), -1, 3), np.diag(box)


def radial_distribution(types: np.ndarray, coord: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Compute g(r) of each pair of types between EDGES."""
    shells = 4 / 3 * np.pi * np.diff(EDGES**3)
    result = {}
    for name, (first, second) in PAIRS.items():
        counts = np.zeros(len(EDGES) - 1)
        ones, others = np.flatnonzero(types == first), np.flatnonzero(types == second)
        for frame in coord:
            vectors = frame[ones][:, None] - frame[others]
            vectors -= lengths * np.round(vectors / lengths)
            distances = np.linalg.norm(vectors, axis=2)
            counts += np.histogram(distances[distances > 1e-9], EDGES)[0]
        pairs = len(ones) * (len(others) - (first == second))
        result[name] = counts / len(coord) / pairs / shells * lengths.prod()
    return result


def draw(found: dict[str, np.ndarray], data: dict[str, np.ndarray], steps: int, picture: Path) -> None:
    """Draw both sets of distributions."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharex=True, layout="constrained")
    for axis, name in zip(axes, PAIRS, strict=True):
        axis.plot(middle, data[name], color="0.6", lw=3, label="training data (DFT)")
        axis.plot(middle, found[name], color="C0", lw=1.2, label=f"{steps:,} steps, 300 K")
        axis.set(title=name, xlabel="r, Å", ylim=(0, min(4, 1.1 * data[name].max())))
    axes[0].set_ylabel("g(r)")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=150)


def main() -> None:
    """Simulate, and compare; bad arguments end the program with code 2."""
    parser = argparse.ArgumentParser(description="A long simulation of water in LAMMPS.")
    parser.add_argument("--water", type=Path, default=Path(os.environ.get("DEEPAW_WATER", "../shared/data/water")))
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--picture", type=Path, default=Path("water_rdf.png"))
    given = parser.parse_args()
    if missing := [name for name in (*TRAINED_ON, "data_3") if not (given.water / name / "type.raw").is_file()]:
        parser.error(f"{given.water} has no system {missing[0]}; give the folder of data_0 to data_3 with --water")
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "water"
        simulate(given.water.resolve(), prefix, given.steps)
        temperatures = read_temperatures(Path(f"{prefix}.log"))
        types, coord, lengths = read_trajectory(Path(f"{prefix}.lammpstrj"))
    start = int(EQUILIBRATION * len(temperatures)), int(EQUILIBRATION * len(coord))
    late = temperatures[start[0] :]
    print(f"{len(coord)} frames; temperature {late.mean():.1f} K, deviation {late.std():.1f} K,", end=" ")
    print(f"expected of {len(types)} atoms {300 * np.sqrt(2 / 3 / (len(types) - 1)):.1f} K")
    found = radial_distribution(types, coord[start[1] :], lengths)
    data = radial_distribution(*read_data(given.water))
    for name in PAIRS:
        peak, expected = found[name].argmax(), data[name].argmax()
        peaks = [f"{EDGES[place] + 0.025:.3f} A" for place in (peak, expected)]
        print(
            f"{name}: highest at {peaks[0]}, {found[name].max():.2f} (data: {peaks[1]}, {data[name].max():.2f});",
            end=" ",
        )
        print(f"mean difference {np.abs(found[name] - data[name]).mean():.3f}")
    draw(found, data, given.steps, given.picture)


if __name__ == "__main__":
    main()
