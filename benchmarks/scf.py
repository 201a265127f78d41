"""GPAW from a predicted density: iterations and time saved, bands and energies without self-consistency.

    python benchmarks/scf.py scf FOLDER --names held_out.txt --model model.safetensors
    python benchmarks/scf.py fixed FOLDER --names held_out.txt --model model.safetensors
    python benchmarks/scf.py curve --model model.safetensors

FOLDER has structures.extxyz, density/ and augmentation/ as deepaw data gpaw writes them; --names lists structures that
the model was not trained on, one a line.

scf: iterations and seconds (setting up and prediction included) to GPAW's default convergence from its superposition of
atoms, from the predicted density and occupancies, and from the exact ones of the folder. fixed: occupied bands, gap and
Harris energy at the predicted density beside the self-consistent ones, at the k points of the run. curve: lattice
constants and bulk moduli of MgO and of fluorite HfO2 from both kinds of energies.

Run it with OMP_NUM_THREADS=2, nothing else running.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.spacegroup import crystal
from ase.units import GPa

from deepaw.gpaw.bands import band_parameters
from deepaw.gpaw.converge import Run, kpoint_eigenvalues, run_at_fixed_density, run_to_selfconsistency
from deepaw.gpaw.initial import default_dft, start_dft
from deepaw.gpaw.parameters import default_parameters
from deepaw.gpaw.scf import run_from_atoms, run_from_start
from deepaw.gpaw.sources import KnownDensity, PredictedDensity


@dataclass(frozen=True)
class Case:
    """A structure of a data folder, GPAW's parameters, and the folder's exact density."""

    name: str
    atoms: Atoms
    parameters: dict[str, Any]
    exact: KnownDensity | None


def read_cases(folder: Path, names: list[str], cutoff: float, smearing: float) -> list[Case]:
    frames = {str(frame.info["name"]): frame for frame in ase.io.read(folder / "structures.extxyz", ":")}
    cases = []
    for name in names:
        atoms = frames[name]
        parameters = default_parameters(atoms, cutoff=cutoff, smearing=smearing)
        parameters["kpts"] = {"size": [int(count) for count in atoms.info["kpts"]], "gamma": True}
        cases.append(Case(name, atoms, parameters, exact_density(folder, name, len(atoms))))
    return cases


def exact_density(folder: Path, name: str, natoms: int) -> KnownDensity | None:
    augmentation = folder / "augmentation" / f"{name}.npz"
    if not augmentation.is_file():
        return None
    with np.load(folder / "density" / f"{name}.npz") as density, np.load(augmentation) as matrices:
        return KnownDensity(density["density"], [matrices[f"D{atom}"] for atom in range(natoms)])


def measure_scf(cases: list[Case], source: PredictedDensity) -> None:
    print(f"{'':30} {'atoms':>12} {'predicted':>12} {'exact':>12}   iterations, seconds      saved")
    saved = []
    for case in cases:
        runs = [
            run_from_atoms(case.atoms, case.parameters, case.name),
            run_from_start(case.atoms, source, case.parameters, case.name),
        ]
        if case.exact is not None:
            runs.append(run_from_start(case.atoms, case.exact, case.parameters, case.name))
        columns = [f"{timed.run.steps:4d} {timed.seconds:7.1f}" for timed in runs]
        steps = 1 - runs[1].run.steps / runs[0].run.steps
        seconds = 1 - runs[1].seconds / runs[0].seconds
        saved.append((steps, seconds))
        columns = [*columns, *[""] * (3 - len(columns))]
        print(f"{case.name:30} " + " ".join(f"{column:>12}" for column in columns) + f"   {steps:6.0%} {seconds:6.0%}")
    steps, seconds = np.mean(saved, axis=0)
    print(f"{'mean':30} {'':38}   {steps:6.0%} {seconds:6.0%}")


def measure_fixed(cases: list[Case], source: PredictedDensity) -> None:
    print(f"{'':30} {'bands, meV':>10} {'gap, eV':>9} {'(SCF)':>9} {'energy, meV/atom':>17} {'s':>7} {'(SCF)':>7}")
    deviations = []
    for case in cases:
        parameters = band_parameters(case.parameters)
        fixed = start_dft(case.atoms, source, parameters, name=case.name)
        at_predicted = run_at_fixed_density(fixed, case.name)
        scf = default_dft(case.atoms, parameters, name=case.name)
        reference = run_to_selfconsistency(scf, case.name)
        filled = round((scf.density.nvalence - scf.density.charge) / 2)
        bands = [1000 * kpoint_eigenvalues(dft)[:, :filled] for dft in (fixed, scf)]
        deviation = float(np.abs(bands[0] - bands[1]).mean())
        energy = 1000 * (at_predicted.energy - reference.energy) / len(case.atoms)
        gaps = [np.nan if run.gap is None else run.gap for run in (at_predicted, reference)]
        deviations.append((deviation, 1000 * abs(gaps[0] - gaps[1]), abs(energy)))
        print(
            f"{case.name:30} {deviation:10.1f} {gaps[0]:9.3f} {gaps[1]:9.3f} {energy:+17.2f} "
            f"{at_predicted.seconds:7.1f} {reference.seconds:7.1f}"
        )
    bands_off, gap_off, energy_off = np.nanmean(deviations, axis=0)
    print(f"mean absolute: bands {bands_off:.1f} meV, gap {gap_off:.1f} meV, energy {energy_off:.2f} meV an atom")


def measure_curve(source: PredictedDensity, cutoff: float) -> None:
    crystals = {
        "MgO": (bulk("MgO", "rocksalt", a=4.25), 4),
        "HfO2": (
            crystal(["Hf", "O"], [(0, 0, 0), (0.25,) * 3], spacegroup=225, cellpar=[5.07] * 3 + [90] * 3,
                    primitive_cell=True),
            4,
        ),
    }  # fmt: skip
    for name, (atoms, formulas) in crystals.items():
        fits = []
        for fixed in (True, False):
            volumes, energies = [], []
            for ratio in (0.92, 0.95, 0.98, 1.0, 1.02, 1.05, 1.08):
                scaled = atoms.copy()
                scaled.set_cell(atoms.cell.array * ratio ** (1 / 3), scale_atoms=True)
                parameters = {**default_parameters(atoms, cutoff=cutoff), "kpts": {"size": [4, 4, 4], "gamma": True}}
                run: Run = (
                    run_at_fixed_density(start_dft(scaled, source, parameters, name=name), name)
                    if fixed
                    else run_to_selfconsistency(default_dft(scaled, parameters, name=name), name)
                )
                volumes.append(scaled.get_volume())
                energies.append(run.energy)
            volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
            fits.append(((formulas * volume) ** (1 / 3), modulus / GPa))
        (length, modulus), (scf_length, scf_modulus) = fits
        print(f"{name:6} a {length:.4f} A (SCF {scf_length:.4f}), B {modulus:.1f} GPa (SCF {scf_modulus:.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["scf", "fixed", "curve"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--names", type=Path)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--cutoff", type=float, default=600.0, help="eV")
    parser.add_argument("--smearing", type=float, default=0.01, help="eV")
    arguments = parser.parse_args()
    source = PredictedDensity(arguments.model)
    if arguments.part == "curve":
        measure_curve(source, arguments.cutoff)
        return
    names = arguments.names.read_text().split()
    cases = read_cases(arguments.folder, names, arguments.cutoff, arguments.smearing)
    (measure_scf if arguments.part == "scf" else measure_fixed)(cases, source)


if __name__ == "__main__":
    main()
