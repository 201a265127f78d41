"""Simulations of water in LAMMPS by either program, and what their logs say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeppot.run import Run
from deeppot.water import supercell

SKIN = 2.0
"""A: how far LAMMPS's lists of neighbours reach beyond the cutoff."""

INPUT = """
units metal
atom_style atomic
boundary p p p
newton on
neighbor {skin} bin
neigh_modify every 10 delay 0 check no
read_data {data}
mass 1 15.9994
mass 2 1.00794
{style}
velocity all create 300.0 1234
fix 1 all nve
timestep 0.0005
thermo {steps}
run {warm_up}
run {steps}
"""


@dataclass(frozen=True)
class Timing:
    """Seconds of the last run of a log: of all its steps, and of the pair style; number of steps and of atoms; largest
    memory of the process, GB."""

    loop: float
    pair: float
    steps: int
    natoms: int
    memory: float

    @property
    def per_atom(self) -> float:
        """Microseconds an atom a step."""
        return 1e6 * self.loop / self.steps / self.natoms

    @property
    def pair_per_atom(self) -> float:
        """Microseconds an atom a step, of the pair style alone."""
        return 1e6 * self.pair / self.steps / self.natoms


def write_data(run: Run, copies: int) -> Path:
    """Write the atoms of a supercell as a data file of LAMMPS."""
    path = run.folder / f"water-{copies}.lmp"
    coord, cell, types = supercell(run.water, copies, 0)
    coord = coord % np.diag(cell)
    lines = ["water", "", f"{len(types)} atoms", "2 atom types", ""]
    lines += [f"0.0 {cell[axis, axis]:.10f} {name}lo {name}hi" for axis, name in enumerate("xyz")]
    lines += ["", "Atoms # atomic", ""]
    rows = zip(types + 1, coord, strict=True)
    lines += [f"{n} {kind} {x:.10f} {y:.10f} {z:.10f}" for n, (kind, (x, y, z)) in enumerate(rows, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def simulate(
    run: Run,
    program: str,
    model: Path,
    precision: str,
    copies: int,
    steps: int,
    *,
    processes: int = 1,
    warm_up: int = 10,
) -> Timing:
    """Run LAMMPS with the pair style of `peer` or `ours`."""
    data = run.folder / f"water-{copies}.lmp"
    if not data.exists():
        write_data(run, copies)
    style = (
        f"pair_style deepmd {model}\npair_coeff * * O H"
        if program == "peer"
        else f"pair_style deepaw {model} precision {precision}\npair_coeff * * O H"
    )
    script = run.folder / f"in.{program}"
    script.write_text(INPUT.format(skin=SKIN, data=data, style=style, steps=steps, warm_up=warm_up))
    bin_folder = Path(sys.executable).parent
    start = [str(run.peer.with_name("lmp"))] if program == "peer" else [str(bin_folder / "deepaw"), "lammps"]
    if processes > 1:
        start = [str(bin_folder / "mpiexec"), "-n", str(processes), *start]
    command = [*start, "-in", str(script), "-log", "none"]
    log_file = run.folder / f"log.{program}"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            command, cwd=run.folder, env=run.environment(1), stdout=log, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"'{' '.join(command)}' failed:\n{log_file.read_text()[-2000:]}")
    return read_timing(log_file.read_text(), usage.ru_maxrss * 1024 / 1e9)


def read_timing(log: str, memory: float) -> Timing:
    """Read the timing of the last run of a log."""
    loops = re.findall(r"Loop time of ([\d.e+-]+) on \d+ procs for (\d+) steps with (\d+) atoms", log)
    pairs = re.findall(r"^Pair\s*\|[^|]*\|\s*([\d.e+-]+)", log, re.M)
    loop, steps, natoms = loops[-1]
    return Timing(float(loop), float(pairs[-1]), int(steps), int(natoms), memory)
