"""Energies, forces, virials and pressures of single structures, against `DeepPot`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.infer import DeepPot
from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.energy import PotentialModel
from lammpsruns import BAR, KCAL, SE_A, Snapshot, run, script, small_model, snapshots, thermo, water_box, write_box

PER_ATOM = """
compute pe all pe/atom
compute stress all stress/atom NULL virial
compute centroid all centroid/stress/atom NULL virial
"""
PER_ATOM_COLUMNS = "c_pe c_stress[*] c_centroid[*]"


def assert_forces(frame: Snapshot, expected: np.ndarray, relative: float = 1e-10) -> None:
    np.testing.assert_allclose(frame.force, expected, rtol=0, atol=relative * np.abs(expected).max())


@pytest.mark.parametrize("molecules", [1, 3, 8, 27])  # the first cells are smaller than the cutoff
@pytest.mark.parametrize("triclinic", [False, True])
def test_periodic_boxes(folder: Path, model: PotentialModel, molecules: int, triclinic: bool) -> None:
    write_box(folder / "water.lmp", water_box(molecules, triclinic=triclinic))
    output = run(folder, script(before=PER_ATOM, dumped=PER_ATOM_COLUMNS))
    (row,), (frame,) = thermo(output), snapshots(folder / "dump.txt")
    results = DeepPot(model).eval(frame.coord, frame.cell, frame.types, atomic=True)
    energy, force, virial, atom_energy, atom_virial = (result[0] for result in results)
    assert row["PotEng"] == pytest.approx(energy[0], rel=1e-10)
    assert_forces(frame, force)
    pressure = virial.reshape(3, 3) / np.linalg.det(frame.cell) * BAR
    stresses = [row[name] for name in ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")]
    expected = pressure[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(stresses, expected, rtol=0, atol=1e-6 * np.abs(pressure).max())  # digits of BAR
    assert_per_atom(frame, atom_energy, atom_virial.reshape(-1, 3, 3))
    stress = sum(frame.columns[f"c_stress[{k}]"].sum() for k in (1, 2, 3)) / 3
    assert -stress / np.linalg.det(frame.cell) == pytest.approx(row["Press"], rel=1e-10)


def assert_per_atom(frame: Snapshot, energy: np.ndarray, virial: np.ndarray) -> None:
    """Energies of atoms; their stresses, symmetric and not, in LAMMPS's order of components."""
    np.testing.assert_allclose(frame.columns["c_pe"], energy[:, 0], rtol=1e-9)
    symmetric, tolerance = (virial + virial.transpose(0, 2, 1)) / 2, 1e-6 * np.abs(virial).max()
    names = ["xx", "yy", "zz", "xy", "xz", "yz", "yx", "zx", "zy"]
    for number, (a, b) in enumerate(("xyz".index(one), "xyz".index(other)) for one, other in names):
        centroid = frame.columns[f"c_centroid[{number + 1}]"]
        np.testing.assert_allclose(centroid, -BAR * virial[:, a, b], rtol=0, atol=BAR * tolerance)
        if number < 6:
            stress = frame.columns[f"c_stress[{number + 1}]"]
            np.testing.assert_allclose(stress, -BAR * symmetric[:, a, b], rtol=0, atol=BAR * tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["f f f", "s s s", "p f p", "m p f"])
def test_open_boundaries(folder: Path, model: PotentialModel, boundary: str) -> None:
    box = water_box(8, triclinic=False)
    write_box(folder / "water.lmp", box)
    row = thermo(run(folder, script(boundary=boundary)))[0]
    (frame,) = snapshots(folder / "dump.txt")
    cell = box.cell.copy()
    for k, kind in enumerate(boundary.split()):
        cell[k, k] += 100.0 * (kind != "p")  # images farther than the cutoff
    energy, force, _ = DeepPot(model).eval(frame.coord, None if "p" not in boundary else cell, frame.types)
    assert row["PotEng"] == pytest.approx(energy[0, 0], rel=1e-10)
    assert_forces(frame, force[0])


@pytest.mark.slow
@pytest.mark.parametrize("triclinic", [False, True])
def test_processes(folder: Path, triclinic: bool) -> None:
    write_box(folder / "water.lmp", water_box(27, triclinic=triclinic))
    text = script(before=PER_ATOM, dumped=PER_ATOM_COLUMNS, after="velocity all create 300 7\nfix 1 all nve\nrun 3")
    frames = []
    for processes in (1, 2, 4):
        run(folder, text, processes)
        frames.append(snapshots(folder / "dump.txt"))
    for other in frames[1:]:
        for one, two in zip(frames[0], other, strict=True):
            assert_forces(two, one.force, 1e-11)
            for name, column in one.columns.items():
                np.testing.assert_allclose(two.columns[name], column, rtol=0, atol=1e-9 * np.abs(column).max())


@pytest.mark.slow
def test_threads(folder: Path) -> None:
    frames = []
    for threads in ("1", "3"):
        run(folder, script(), OMP_NUM_THREADS=threads)
        frames += snapshots(folder / "dump.txt")
    assert_forces(frames[1], frames[0].force, 1e-12)


def test_types_in_any_order_and_by_number(folder: Path, model: PotentialModel) -> None:
    run(folder, script(coeff="pair_coeff * *"))
    (by_number,) = snapshots(folder / "dump.txt")
    run(folder, script(coeff="pair_coeff * * H O"))
    (swapped,) = snapshots(folder / "dump.txt")
    for frame, types in ((by_number, by_number.types), (swapped, 1 - swapped.types)):
        assert_forces(frame, DeepPot(model).eval(frame.coord, frame.cell, types)[1][0])


def test_float32(folder: Path, model: PotentialModel) -> None:
    run(folder, script("deepaw model.safetensors precision float32"))
    (frame,) = snapshots(folder / "dump.txt")
    expected = DeepPot(model).eval(frame.coord, frame.cell, frame.types)[1][0]
    deviation = np.abs(frame.force - expected).max() / np.abs(expected).max()
    assert 1e-9 < deviation < 1e-4


def test_units_real(folder: Path, model: PotentialModel) -> None:
    metal = thermo(run(folder, script()))[0]
    real = thermo(run(folder, script().replace("units metal", "units real")))[0]
    assert real["PotEng"] == pytest.approx(KCAL * metal["PotEng"], rel=1e-10)
    assert real["Press"] == pytest.approx(metal["Press"] / 1.01325, rel=1e-5)  # in atmospheres
    (frame,) = snapshots(folder / "dump.txt")
    assert_forces(frame, KCAL * DeepPot(model).eval(frame.coord, frame.cell, frame.types)[1][0])


def test_parameters(folder: Path) -> None:
    model = small_model(numb_fparam=2, numb_aparam=1)
    write_potential(folder / "parameters.safetensors", model)
    row = thermo(run(folder, script("deepaw parameters.safetensors fparam 0.4 -0.9 aparam 0.2")))[0]
    (frame,) = snapshots(folder / "dump.txt")
    energy, force, _ = DeepPot(model).eval(
        frame.coord, frame.cell, frame.types, fparam=[0.4, -0.9], aparam=np.full((len(frame.types), 1), 0.2)
    )
    assert row["PotEng"] == pytest.approx(energy[0, 0], rel=1e-10)
    assert_forces(frame, force[0])


def test_a_default_parameter(folder: Path) -> None:
    model = small_model(numb_fparam=1, default_fparam=[0.7])
    write_potential(folder / "default.safetensors", model)
    for pair, value in (("deepaw default.safetensors", 0.7), ("deepaw default.safetensors fparam 0.1", 0.1)):
        row = thermo(run(folder, script(pair)))[0]
        (frame,) = snapshots(folder / "dump.txt")
        energy = DeepPot(model).eval(frame.coord, frame.cell, frame.types, fparam=[value])[0]
        assert row["PotEng"] == pytest.approx(energy[0, 0], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["charge", "full"])
def test_atom_styles(folder: Path, model: PotentialModel, style: str) -> None:
    """Bonds in the data file are there for other programs: with special_bonds 1 1 1 they change nothing."""
    write_box(folder / "water.lmp", water_box(8), style)
    bonded = "special_bonds lj/coul 1 1 1\nbond_style zero\nbond_coeff *"
    run(folder, script(style=style, before=bonded if style == "full" else ""))
    (frame,) = snapshots(folder / "dump.txt")
    assert_forces(frame, DeepPot(model).eval(frame.coord, frame.cell, frame.types)[1][0])


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_more_neighbours_than_sel_and_atoms_too_close(folder: Path, processes: int) -> None:
    """As in Python: all neighbours count, and a warning about atoms that are too close is printed once."""
    model = small_model(SE_A | {"sel": [1, 2]})
    write_potential(folder / "few.safetensors", model)
    box = water_box(8)
    box.coord[1:3] = box.coord[0] + ((0.0, 0.1, 0.1), (0.0, 0.1, 3.0))
    write_box(folder / "water.lmp", box)
    output = run(folder, script("deepaw few.safetensors", after="run 0\nrun 0"), processes)
    frame = snapshots(folder / "dump.txt")[0]
    with pytest.warns(match="A apart"):
        expected = DeepPot(model).eval(frame.coord, frame.cell, frame.types)[1][0]
    assert_forces(frame, expected, 1e-8)
    assert output.count("A apart") == 1
