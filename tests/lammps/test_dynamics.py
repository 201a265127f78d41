"""Molecular dynamics, minimisation, rerun and hybrid styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.optimize import BFGS

from deepaw.ase import DeepPotCalculator
from deepaw.infer import DeepPot
from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.energy import PotentialModel
from lammpsruns import Box, Snapshot, run, script, small_model, snapshots, thermo, water_box, write_box

TETHERED = """
fix springs all spring/self 5.0
fix_modify springs energy yes
velocity all create 200.0 11
fix dynamics all {fix}
timestep 0.0002
"""
"""Springs hold atoms near their sites, as models with random weights may not."""

LJ = """
pair_coeff * * lj/cut 0.02 2.5
pair_coeff * * deepaw {names}
"""


@pytest.mark.slow
@pytest.mark.parametrize("skin", ["neighbor 0.3 bin", "neighbor 2.0 bin\nneigh_modify every 2 delay 4 check yes"])
def test_constant_energy(folder: Path, model: PotentialModel, skin: str) -> None:
    output = run(folder, script(after=TETHERED.format(fix="nve") + skin + "\nthermo 1\nrun 200"))
    rows, frames = thermo(output), snapshots(folder / "dump.txt")
    total = np.array([row["TotEng"] for row in rows]) / len(frames[0].types)
    assert np.ptp([row["Temp"] for row in rows]) > 10
    assert np.ptp(total) < 2e-5
    potential = DeepPot(model)
    for row, frame in list(zip(rows, frames, strict=True))[::50]:
        springs = 2.5 * ((unwrapped(frames[0].coord, frame.coord, frame.cell)) ** 2).sum()
        energy, force, _ = potential.eval(frame.coord, frame.cell, frame.types)
        assert row["PotEng"] == pytest.approx(energy[0, 0] + springs, rel=1e-10)
        difference = frame.force + 5.0 * unwrapped(frames[0].coord, frame.coord, frame.cell) - force[0]
        assert np.abs(difference).max() < 1e-10 * np.abs(force).max()


def run_frames(folder: Path, text: str) -> list[Snapshot]:
    run(folder, text)
    return snapshots(folder / "dump.txt")


def unwrapped(first: np.ndarray, second: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the displacements from the first positions, through periodic boundaries."""
    fractional = (second - first) @ np.linalg.inv(cell)
    return (fractional - np.round(fractional)) @ cell


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", ["nvt temp 200 200 0.02", "npt temp 200 200 0.02 tri 1 1 0.2"])
def test_thermostat_and_barostat(folder: Path, model: PotentialModel, ensemble: str) -> None:
    output = run(folder, script(after=TETHERED.format(fix=ensemble) + "run 100\nrun 0"), processes=2)
    row, frame = thermo(output)[-1], snapshots(folder / "dump.txt")[-1]
    virial = DeepPot(model).eval(frame.coord, frame.cell, frame.types)[2][0].reshape(3, 3)
    assert np.isfinite(list(row.values())).all()
    start = snapshots(folder / "dump.txt")[0]
    assert (np.abs(frame.cell - start.cell).max() > 1e-4) == ensemble.startswith("npt")
    assert np.abs(virial).max() > 0


@pytest.mark.slow
def test_the_minimum_is_that_of_ase(folder: Path) -> None:
    """With weights that let no atoms collapse."""
    model, box = small_model(seed=7), water_box(4)
    write_potential(folder / "bound.safetensors", model)
    atoms = Atoms("".join("OH"[kind] for kind in box.types), box.coord, cell=box.cell, pbc=True)
    atoms.calc = DeepPotCalculator(model)
    assert BFGS(atoms, logfile=None).run(fmax=1e-6, steps=2000)
    moved = atoms.positions + np.random.default_rng(3).normal(0, 0.02, atoms.positions.shape)
    write_box(folder / "water.lmp", Box(box.types, moved, box.cell))
    output = run(folder, script("deepaw bound.safetensors", after="min_modify norm max\nminimize 0.0 1e-6 2000 4000"))
    row, frame = thermo(output)[-1], snapshots(folder / "dump.txt")[-1]
    assert np.abs(frame.force).max() < 1e-4
    assert row["PotEng"] == pytest.approx(atoms.get_potential_energy(), abs=1e-7)


@pytest.mark.slow
def test_rerun(folder: Path) -> None:
    first = thermo(run(folder, script(after=TETHERED.format(fix="nve") + "thermo 5\nrun 20")))
    (folder / "dump.txt").rename(folder / "traj.txt")
    second = thermo(run(folder, script(after="thermo 1\nrerun traj.txt every 5 dump x y z box yes")))
    assert [row["Step"] for row in second] == [row["Step"] for row in first] == [0, 5, 10, 15, 20]
    springs = np.array([row["PotEng"] for row in first]) - np.array([row["PotEng"] for row in second])
    assert springs[0] == pytest.approx(0, abs=1e-9) and (springs[1:] > 0).all()


@pytest.mark.slow
def test_beside_a_lennard_jones_pair(folder: Path) -> None:
    alone = thermo(run(folder, script()))[0]
    (deep,) = snapshots(folder / "dump.txt")
    pairs = thermo(run(folder, script("lj/cut 5.0", "pair_coeff * * 0.02 2.5")))[0]
    (lj,) = snapshots(folder / "dump.txt")
    style = "hybrid/overlay lj/cut 5.0 deepaw model.safetensors"
    both = thermo(run(folder, script(style, LJ.format(names="O H")), processes=2))[0]
    (frame,) = snapshots(folder / "dump.txt")
    np.testing.assert_allclose(frame.force, deep.force + lj.force, rtol=0, atol=1e-11 * np.abs(frame.force).max())
    for name in ("PotEng", "Press", "Pxy", "Pyz"):
        assert both[name] == pytest.approx(alone[name] + pairs[name], rel=1e-10)


@pytest.mark.slow
def test_atoms_of_other_styles_are_not_seen(folder: Path, model: PotentialModel) -> None:
    """NULL: the potential acts on oxygen atoms alone, as if there were no others."""
    pairs = thermo(run(folder, script("lj/cut 5.0", "pair_coeff * * 0.02 2.5")))[0]
    (lj,) = snapshots(folder / "dump.txt")
    style = "hybrid/overlay lj/cut 5.0 deepaw model.safetensors"
    row = thermo(run(folder, script(style, LJ.format(names="O NULL"))))[0]
    (frame,) = snapshots(folder / "dump.txt")
    oxygen = frame.types == 0
    energy, force, _ = DeepPot(model).eval(frame.coord[oxygen], frame.cell, frame.types[oxygen])
    assert row["PotEng"] == pytest.approx(pairs["PotEng"] + energy[0, 0], rel=1e-10)
    expected = lj.force.copy()
    expected[oxygen] += force[0]
    np.testing.assert_allclose(frame.force, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.slow
def test_beside_electrostatics(folder: Path) -> None:
    """With a k-space style LAMMPS keeps bonded pairs in its lists, whatever their factors."""
    (deep,) = run_frames(folder, script())
    write_box(folder / "water.lmp", water_box(8), "full")
    charges = "bond_style zero\nbond_coeff *\nspecial_bonds lj/coul 0 0 0\nkspace_style pppm 1e-4\n"
    charges += "set type 1 charge -0.8\nset type 2 charge 0.4"
    (coulomb,) = run_frames(folder, script("coul/long 5.0", "pair_coeff * *", style="full", before=charges))
    style = "hybrid/overlay coul/long 5.0 deepaw model.safetensors"
    coeff = "pair_coeff * * coul/long\npair_coeff * * deepaw O H"
    (both,) = run_frames(folder, script(style, coeff, style="full", before=charges))
    scale = np.abs(both.force).max()
    np.testing.assert_allclose(both.force, deep.force + coulomb.force, rtol=0, atol=1e-11 * scale)


@pytest.mark.slow
def test_a_repeated_pair_style_needs_its_types_again(folder: Path) -> None:
    text = script(after="pair_style deepaw model.safetensors precision float32\npair_coeff * * O H\nrun 0\nrun 0")
    assert len(thermo(run(folder, text))) == 2


@pytest.mark.slow
def test_processes_without_atoms(folder: Path) -> None:
    """A box of which one process has nothing."""
    box = water_box(8, triclinic=False)
    box.coord[:, 0] *= 0.4
    box.cell[0, 0] *= 4
    write_box(folder / "water.lmp", box)
    (one,) = thermo(run(folder, script()))
    (two,) = thermo(run(folder, script(), processes=2))
    assert two["PotEng"] == pytest.approx(one["PotEng"], rel=1e-12)
