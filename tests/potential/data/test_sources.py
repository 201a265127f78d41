"""Labelled frames as other programs write them."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write

from deepaw.errors import InputError
from deepaw.potential.data.sources import guess_format, known_formats, read_frames
from potential.data.hdf5systems import pack
from potential.systems import ELEMENTS, Frames, water, write_mixed_system, write_system

WATER = water(3, molecules=2)


def as_ase(frames: Frames, index: int, *names: str) -> Atoms:
    """A frame with its results, stress as ASE has it, in eV/A^3 with tension positive."""
    cell = None if frames.cell is None else frames.cell[index]
    atoms = Atoms([ELEMENTS[t] for t in frames.types], frames.coord[index], cell=cell, pbc=cell is not None)
    results = {"energy": frames.labels["energy"][index], "forces": frames.labels["force"][index]}
    if cell is not None:
        stress = -frames.labels["virial"][index] / atoms.get_volume()
        results["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    selected = {name: value for name, value in results.items() if name in names or not names}
    atoms.calc = SinglePointCalculator(atoms, **selected)
    return atoms


def outcar(frames: Frames) -> str:
    """The lines of an OUTCAR that matter; forces on the cell in kB."""
    lines = [f" TITEL  = PAW_PBE {name} 01Jan2001" for name in ELEMENTS]
    lines += ["   NELM   =     60;", "   ions per type =  " + " ".join(map(str, np.bincount(frames.types)))]
    for k in range(len(frames.coord)):
        kilobar = frames.labels["virial"][k] / abs(np.linalg.det(frames.cell[k])) * 1602.176621
        lines += ["  FORCE on cell =-STRESS in cart. coord.  units (eV):", *[""] * 13]
        order = ([0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0])
        lines += ["  in kB  " + " ".join(f"{x:.12f}" for x in kilobar[order])]
        lines += [" VOLUME and BASIS-vectors are now :", *[""] * 4]
        lines += [" ".join(f"{x:.12f}" for x in row) + " 0 0 0" for row in frames.cell[k]]
        lines += [" POSITION    TOTAL-FORCE (eV/Angst)", " ---"]
        rows = np.concatenate([frames.coord[k], frames.labels["force"][k]], axis=1)
        lines += [" ".join(f"{x:.12f}" for x in row) for row in rows]
        lines += [f"  free  energy   TOTEN  = {frames.labels['energy'][k]:.12f} eV"]
    return "\n".join([*lines, " General timing and accounting informations for this job:", ""])


@pytest.mark.parametrize("name", ["frames.extxyz", "frames.xyz", "frames.traj"])
def test_frames_of_ase(tmp_path, name):
    write(tmp_path / name, [as_ase(WATER, k) for k in range(3)])
    [system] = read_frames(tmp_path / name)
    assert system.data["atom_names"] == ["O", "H"]
    tolerance = 0 if name.endswith("traj") else 1e-7
    np.testing.assert_allclose(system.data["coords"], WATER.coord, atol=tolerance)
    np.testing.assert_allclose(system.data["cells"], WATER.cell, atol=tolerance)
    np.testing.assert_allclose(system.data["energies"], WATER.labels["energy"], rtol=1e-12)
    np.testing.assert_allclose(system.data["forces"], WATER.labels["force"], atol=tolerance)
    np.testing.assert_allclose(system.data["virials"], WATER.labels["virial"], atol=1e-10)
    assert not system.nopbc


def test_an_outcar(tmp_path):
    lower = np.linalg.cholesky(WATER.cell @ WATER.cell.transpose(0, 2, 1))  # as dpdata turns cells, so that none turns
    frames = Frames(WATER.types, WATER.coord, lower, WATER.labels)
    (tmp_path / "OUTCAR").write_text(outcar(frames))
    [system] = read_frames(tmp_path / "OUTCAR")
    np.testing.assert_allclose(system.data["coords"], frames.coord, atol=1e-9)
    np.testing.assert_allclose(system.data["energies"], frames.labels["energy"], atol=1e-9)
    np.testing.assert_allclose(system.data["forces"], frames.labels["force"], atol=1e-9)
    np.testing.assert_allclose(system.data["virials"], frames.labels["virial"], rtol=1e-6, atol=1e-9)


def test_a_deepmd_folder_of_systems(tmp_path):
    for m in (1, 2):
        write_system(tmp_path / "data" / str(m), water(2, molecules=m))
    assert [system.get_natoms() for system in read_frames(tmp_path / "data")] == [3, 6]


def test_mixed_types_of_deepmd(tmp_path):
    write_mixed_system(tmp_path / "mixed", [water(2, molecules=1), water(3, molecules=3)])
    systems = read_frames(tmp_path / "mixed", "deepmd/npy/mixed")
    assert sorted((system.get_natoms(), system.get_nframes()) for system in systems) == [(3, 2), (9, 3)]


def test_forces_are_those_before_constraints(tmp_path):
    atoms = as_ase(WATER, 0)
    atoms.set_constraint(FixAtoms([0, 1]))
    write(tmp_path / "fixed.traj", atoms)
    [system] = read_frames(tmp_path / "fixed.traj")
    np.testing.assert_array_equal(system.data["forces"][0], WATER.labels["force"][0])


def test_the_energy_is_the_one_that_forces_belong_to(tmp_path):
    atoms = as_ase(WATER, 0)
    atoms.calc.results["free_energy"] = -99.0
    write(tmp_path / "frame.extxyz", atoms)
    assert read_frames(tmp_path / "frame.extxyz")[0].data["energies"][0] == -99.0


def test_a_virial_and_forces_as_gap_writes_them(tmp_path):
    atoms = as_ase(WATER, 0, "energy")
    atoms.info["virial"] = WATER.labels["virial"][0]
    atoms.arrays["force"] = WATER.labels["force"][0]
    write(tmp_path / "frame.xyz", atoms, format="extxyz")
    [system] = read_frames(tmp_path / "frame.xyz")
    np.testing.assert_allclose(system.data["virials"][0], WATER.labels["virial"][0], atol=1e-7)
    np.testing.assert_allclose(system.data["forces"][0], WATER.labels["force"][0], atol=1e-7)


def test_frames_that_differ_in_kind_are_systems_of_their_own(tmp_path):
    molecule = water(1, molecules=2, periodic=False)
    frames = [as_ase(WATER, 0), as_ase(molecule, 0), as_ase(WATER, 1, "energy", "forces"), as_ase(WATER, 2)]
    write(tmp_path / "frames.extxyz", frames)
    systems = read_frames(tmp_path / "frames.extxyz")
    assert [(s.get_nframes(), bool(s.nopbc), "virials" in s.data) for s in systems] == [
        (2, False, True),
        (1, True, False),
        (1, False, False),
    ]


def test_formats_by_name(tmp_path):
    named = {"OUTCAR": "vasp/outcar", "OUTCAR.3": "vasp/outcar", "vasprun.xml": "vasp/xml"}
    assert {name: guess_format(tmp_path / name) for name in named} == named
    assert {"vasp/outcar", "cp2k/output", "extxyz", "quip/gap/xyz", "deepmd/npy/mixed"} <= set(known_formats())
    assert "vasp/poscar" not in known_formats()


def _text(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("make", "name", "format_name", "said"),
    [
        (lambda f: None, "none.extxyz", None, "There is no file or folder"),
        (
            _text("output.log", ""),
            "output.log",
            None,
            "does not say what its format is; give one with --format: abacus",
        ),
        (_text("output.log", ""), "output.log", "cp2k", "cp2k is not a format that is known; there are abacus"),
        (_text("OUTCAR", "nothing\n"), "OUTCAR", None, "OUTCAR cannot be read as vasp/outcar (cannot get"),
        (_text("a.extxyz", "2\nno\nH 0 0\n"), "a.extxyz", None, "a.extxyz cannot be read as extxyz"),
        (
            lambda f: write(f / "a.extxyz", Atoms("H", info={"e": 1})),
            "a.extxyz",
            None,
            "frame 1, has no energy; what it",
        ),
        (
            lambda f: write(f / "a.extxyz", Atoms("H", cell=[4, 4, 0], pbc=[1, 1, 0])),
            "a.extxyz",
            None,
            "is periodic but has fewer than three cell vectors",
        ),
        (
            lambda f: write_system(f / "data", WATER, labels=("force",)),
            "data",
            None,
            "data cannot be read as deepmd/npy (energies not found",
        ),
    ],
)
def test_what_cannot_be_read(tmp_path, make, name, format_name, said):
    make(tmp_path)
    with pytest.raises(InputError) as caught:
        read_frames(Path(tmp_path / name), format_name)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_hdf5_with_frames_of_several_compositions(tmp_path):
    write_mixed_system(tmp_path / "mixed", [water(2, molecules=1), water(3, molecules=3)])
    write_system(tmp_path / "free", water(2, molecules=2, periodic=False), labels=("energy",))
    for name in ("mixed", "free"):
        pack(tmp_path / name, tmp_path / "all.h5", f"/{name}")
    found = {
        (system.get_natoms(), system.get_nframes(), system.nopbc, "forces" in system.data)
        for system in read_frames(tmp_path / "all.h5")
    }
    assert found == {(3, 2, False, True), (9, 3, False, True), (6, 2, True, False)}
    [system] = read_frames(Path(f"{tmp_path}/all.h5#/free"))
    np.testing.assert_array_equal(system.data["coords"], water(2, molecules=2, periodic=False).coord)


def test_hdf5_without_energies(tmp_path):
    write_system(tmp_path / "water", water(2), labels=("force",))
    pack(tmp_path / "water", tmp_path / "all.h5")
    with pytest.raises(InputError, match=r"There is no .*all\.h5#/set\.000/energy\.npy"):
        read_frames(tmp_path / "all.h5")
