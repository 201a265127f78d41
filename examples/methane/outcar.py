"""Writes molecular dynamics of a methane molecule in the format of VASP's OUTCAR: python outcar.py OUTCAR [FRAMES]

No DFT is behind it: energies and forces are those of a simple force field, Morse bonds and springs between the hydrogen
atoms. The file stands for an OUTCAR of your own, and is read as one by ASE, dpdata and `deepaw data convert`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.md.verlet import VelocityVerlet

BOX = 10.0
"""Edge of the cell, Å."""

DEPTH, STEEPNESS, BOND = 4.9, 1.9, 1.09
"""Of the Morse potential of C-H: eV, 1/Å, Å."""

SPRING = 3.0
"""Between hydrogen atoms, eV/Å²."""

ENERGY = -24.04
"""Energy of the molecule at rest, eV."""

TEMPERATURE = 1000.0
"""K that velocities are drawn at; half of it is left once they are shared with the springs."""


class MethaneForceField(Calculator):
    """E = ENERGY + sum over C-H of D (1 - exp(-a (r - r0)))² + over H-H of k/2 (r - r0)², eV, of atoms H H H H C."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute energy and forces; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        position = self.atoms.positions
        first, second = np.triu_indices(5, 1)
        vector = position[second] - position[first]
        distance = np.linalg.norm(vector, axis=1)
        bonded = second == 4
        stretch = distance - np.where(bonded, BOND, BOND * (8 / 3) ** 0.5)
        decay = np.exp(-STEEPNESS * stretch)
        energies = np.where(bonded, DEPTH * (1 - decay) ** 2, 0.5 * SPRING * stretch**2)
        slopes = np.where(bonded, 2 * DEPTH * STEEPNESS * (1 - decay) * decay, SPRING * stretch)
        pull = (slopes / distance)[:, None] * vector
        forces = np.zeros((5, 3))
        np.add.at(forces, first, pull)
        np.add.at(forces, second, -pull)
        self.results = {"energy": ENERGY + energies.sum(), "forces": forces}


def run(nframes: int, seed: int = 1) -> list[Atoms]:
    """Return frames of dynamics at constant energy, 5 fs apart; velocities are drawn anew every 40 frames."""
    random = np.random.default_rng(seed)
    methane = molecule("CH4")[[1, 2, 3, 4, 0]]
    methane.set_cell(np.eye(3) * BOX)
    methane.pbc = True
    methane.center()
    methane.calc = MethaneForceField()
    frames: list[Atoms] = []
    while len(frames) < nframes:
        if len(frames) % 40 == 0:
            spread = np.sqrt(methane.get_masses() * units.kB * TEMPERATURE)[:, None]
            momenta = spread * random.normal(size=(5, 3))
            methane.set_momenta(
                momenta - methane.get_masses()[:, None] * momenta.sum(axis=0) / methane.get_masses().sum()
            )
            dynamics = VelocityVerlet(methane, 0.5 * units.fs)
        dynamics.run(10)
        frame = methane.copy()
        frame.info = {"energy": methane.get_potential_energy()}
        frame.arrays["forces"] = methane.get_forces()
        frames.append(frame)
    return frames


def outcar(frames: list[Atoms]) -> str:
    """Return what readers of an OUTCAR look for, in VASP's layout."""
    lines = [
        " not written by VASP: a force field in the format of an OUTCAR",
        *2 * [" POTCAR:    PAW_PBE H 15Jun2001", " POTCAR:    PAW_PBE C 08Apr2002"],
        "   TITEL  = PAW_PBE H 15Jun2001",
        "   TITEL  = PAW_PBE C 08Apr2002",
        "   ions per type =               4   1",
        "   NIONS =      5 ions",
        "   NELM   =     60;   NELMIN=  2; NELMDL= -5     # of ELM steps",
    ]
    for number, frame in enumerate(frames, start=1):
        lines += [f"--------------------------------------- Iteration {number:6d}(   1)  " + "-" * 39, ""]
        lines += [" VOLUME and BASIS-vectors are now :", " " + "-" * 77]
        lines += ["  energy-cutoff  :      400.00", f"  volume of cell :  {frame.get_volume():12.2f}"]
        lines += ["      direct lattice vectors                 reciprocal lattice vectors"]
        for row, inverse in zip(frame.cell.array, np.linalg.inv(frame.cell.array).T, strict=True):
            lines.append("  " + "".join(f"{value:13.9f}" for value in (*row, *inverse)))
        lines += ["", " POSITION                                       TOTAL-FORCE (eV/Angst)", " " + "-" * 83]
        for row in np.hstack([frame.positions, frame.arrays["forces"]]):
            lines.append(
                " " + "".join(f"{value:13.5f}" for value in row[:3]) + "  " + "".join(f"{v:14.6f}" for v in row[3:])
            )
        lines += [
            " " + "-" * 83,
            "    total drift:                                0.000000      0.000000      0.000000",
            "",
        ]
        energy = frame.info["energy"]
        lines += ["  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)", "  " + "-" * 51]
        lines += [f"  free  energy   TOTEN  = {energy:17.8f} eV", ""]
        lines += [f"  energy  without entropy= {energy:16.8f}  energy(sigma->0) = {energy:16.8f}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(outcar(run(int(sys.argv[2]) if len(sys.argv) > 2 else 300)))
