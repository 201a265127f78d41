"""Energies, forces and virials through DeePMD-kit's C interface, beside those of `deepaw.infer.DeepPot`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.infer import DeepPot
from native.deepmd_c import models
from native.deepmd_c.calls import Atoms, Energies, check_ok, compute
from native.deepmd_c.interface import Images, call, opened, with_images
from potential.structures import FPARAM, Structure, crowd

TOLERANCE = {"": 1e-10, "f": 1e-4}
"""Relative, by the letter of functions: coordinates in float32 are rounded."""

CUTOFF = 3.5


def expected(
    path: Path, structures: Sequence[Structure], fparam: Any = None, aparam: Any = None, **options: Any
) -> Energies:
    """Evaluate frames in Python."""
    results = DeepPot(path).eval(
        np.stack([structure.coord for structure in structures]),
        None if structures[0].cell is None else np.stack([structure.cells for structure in structures]),
        structures[0].types if not options else np.stack([structure.types for structure in structures]),
        atomic=True,
        fparam=fparam,
        aparam=aparam,
        **options,
    )
    energy, force, virial, atom_energy, atom_virial = results
    return Energies(energy[:, 0], force, virial, atom_energy[..., 0], atom_virial)


def assert_equal(results: Energies, reference: Energies, real: str = "") -> None:
    for value, expected_value in zip(results.arrays(), reference.arrays(), strict=True):
        tolerance = TOLERANCE[real] * np.abs(expected_value).max()
        np.testing.assert_allclose(value, expected_value, rtol=0, atol=tolerance)


def frames(structures: Sequence[Structure], **options: Any) -> Atoms:
    cell = None if structures[0].cell is None else np.stack([structure.cells for structure in structures])
    return Atoms(np.stack([structure.coord for structure in structures]), structures[0].types, cell, **options)


def folded(results: Energies, images: Images) -> Energies:
    """Add forces and virials of images to those of their atoms; images have no energies."""
    assert (results.atom_energy[:, images.nlocal :] == 0).all()
    force, atom_virial = images.folded(results.force), images.folded(results.atom_virial)
    return Energies(results.energy, force, results.virial, results.atom_energy[:, : images.nlocal], atom_virial)


def with_list(images: Images, nlist: Any, **options: Any) -> Atoms:
    return Atoms(images.coord[None], images.types, None, nghost=images.nghost, nlist=nlist, **options)


@pytest.mark.parametrize("real", ["", "f"])
@pytest.mark.parametrize("version", ["", "2", "3"])
@pytest.mark.parametrize("periodic", [True, False])
def test_without_a_neighbour_list(version: str, real: str, periodic: bool) -> None:
    structure = crowd(2, 9, periodic=periodic)
    with opened("DeepPot", str(models.energies())) as potential:
        results = compute("DeepPot", potential, frames([structure]), version, real)
        check_ok("DeepPot", potential)
    assert_equal(results, expected(models.energies(), [structure]), real)


@pytest.mark.parametrize("real", ["", "f"])
@pytest.mark.parametrize("version", ["", "2", "3"])
def test_with_a_neighbour_list(version: str, real: str) -> None:
    structure = crowd(2, 9)
    images = with_images(structure, CUTOFF)
    assert images.nghost > 50
    with opened("DeepPot", str(models.energies())) as potential, images.list() as nlist:
        results = compute("DeepPot", potential, with_list(images, nlist), version, real)
        check_ok("DeepPot", potential)
    assert_equal(folded(results, images), expected(models.energies(), [structure]), real)


def test_the_order_of_the_list_its_age_and_its_mask() -> None:
    structure = crowd(2, 9)
    images = with_images(structure, CUTOFF)
    order = np.random.default_rng(3).permutation(images.nlocal)
    reference = expected(models.energies(), [structure])
    with opened("DeepPot", str(models.energies())) as potential, images.list(order, bits=1 << 29) as nlist:
        for ago in (0, 1, 5):
            results = compute("DeepPot", potential, with_list(images, nlist, ago=ago))
            assert_equal(folded(results, images), reference)


def test_a_list_with_what_is_known_of_communication() -> None:
    structure = crowd(2, 6)
    images = with_images(structure, CUTOFF)
    with opened("DeepPot", str(models.energies())) as potential, images.list() as plain:
        reference = compute("DeepPot", potential, with_list(images, plain))
        ilist = np.arange(images.nlocal, dtype=np.int32)
        rows = [row.astype(np.int32) for row in images.neighbours]
        counts = np.array([len(row) for row in rows], np.int32)
        pointers = np.array([row.ctypes.data for row in rows], np.uintp)
        numbers = np.zeros(1, np.int32)
        nlist = call(
            "NewNlist_comm", images.nlocal, ilist, counts, pointers, 0, *[numbers] * 3, None, *[numbers] * 2, None, 1
        )
        nlist = ctypes.c_void_p(nlist)
        call("NlistSetMapping", nlist, images.owner.astype(np.int32))
        assert call("NlistCheckOK", nlist) == ""
        results = compute("DeepPot", potential, with_list(images, nlist))
        call("DeleteNlist", nlist)
    for value, expected_value in zip(results.arrays(), reference.arrays(), strict=True):
        np.testing.assert_array_equal(value, expected_value)


@pytest.mark.parametrize("real", ["", "f"])
@pytest.mark.parametrize("version", ["2", "3"])
def test_several_frames_with_parameters(version: str, real: str) -> None:
    path = models.energies(numb_fparam=2, numb_aparam=1)
    structures = [crowd(2, 8), crowd(2, 8).moved(np.random.default_rng(1).normal(0, 0.1, (8, 3)))]
    random = np.random.default_rng(2)
    fparam, aparam = FPARAM + random.normal(size=(2, 2)), random.normal(size=(2, 8, 1))
    with opened("DeepPot", str(path)) as potential:
        results = compute("DeepPot", potential, frames(structures, fparam=fparam, aparam=aparam), version, real)
        check_ok("DeepPot", potential)
    assert_equal(results, expected(path, structures, fparam, aparam), real)


@pytest.mark.parametrize("real", ["", "f"])
def test_parameters_with_a_neighbour_list(real: str) -> None:
    """Atom parameters are those of atoms that are no ghosts."""
    path = models.energies(numb_fparam=2, numb_aparam=1)
    structure = crowd(2, 8)
    images = with_images(structure, CUTOFF)
    aparam = structure.aparam[:, :1]
    with opened("DeepPot", str(path)) as potential, images.list() as nlist:
        atoms = with_list(images, nlist, fparam=FPARAM, aparam=aparam)
        results = compute("DeepPot", potential, atoms, "2", real)
        check_ok("DeepPot", potential)
    assert_equal(folded(results, images), expected(path, [structure], FPARAM, aparam), real)


def test_default_parameters() -> None:
    path = models.energies(numb_fparam=2, default=True)
    structure = crowd(2)
    with opened("DeepPot", str(path)) as potential:
        results = compute("DeepPot", potential, frames([structure]))
        assert_equal(results, expected(path, [structure], [0.2, 0.2]))
        results = compute("DeepPot", potential, frames([structure], fparam=FPARAM))
        assert_equal(results, expected(path, [structure], FPARAM))


@pytest.mark.parametrize("real", ["", "f"])
def test_frames_of_different_atoms(real: str) -> None:
    path = models.energies(numb_fparam=2, numb_aparam=1)
    structures = [crowd(2, 8, seed=seed) for seed in (1, 2, 3)]
    structures[1].types[[2, 5]] = -1
    random = np.random.default_rng(4)
    fparam, aparam = random.normal(size=(3, 2)), random.normal(size=(3, 8, 1))
    atoms = frames(structures, fparam=fparam, aparam=aparam)
    atoms.types = np.stack([structure.types for structure in structures])
    with opened("DeepPot", str(path)) as potential:
        results = compute("DeepPot", potential, atoms, "", real, function="ComputeMixedType")
        check_ok("DeepPot", potential)
    assert_equal(results, expected(path, structures, fparam, aparam, mixed_type=True), real)


def test_virtual_atoms_are_not_seen() -> None:
    """Atoms of negative types get no forces, as centres and as neighbours."""
    structure = crowd(2, 9)
    structure.types[[0, 4]] = -1
    real = structure.types >= 0
    reference = expected(models.energies(), [structure[real]])
    structure.types[4] = -3
    images = with_images(structure, CUTOFF)
    with opened("DeepPot", str(models.energies())) as potential, images.list() as nlist:
        for results in (
            compute("DeepPot", potential, frames([structure])),
            folded(compute("DeepPot", potential, with_list(images, nlist)), images),
        ):
            assert (results.force[:, ~real] == 0).all() and (results.atom_energy[:, ~real] == 0).all()
            force, atom_energy, atom_virial = (
                array[:, real] for array in (results.force, results.atom_energy, results.atom_virial)
            )
            assert_equal(Energies(results.energy, force, results.virial, atom_energy, atom_virial), reference)


def test_results_that_are_not_wanted() -> None:
    structure = crowd(2)
    arguments = (len(structure.types), structure.coord, structure.types.astype(np.int32), structure.cells)
    energy = np.empty(1)
    with opened("DeepPot", str(models.energies())) as potential:
        call("DeepPotCompute", potential, *arguments, energy, None, None, None, None)
        assert energy[0] == pytest.approx(expected(models.energies(), [structure]).energy[0], rel=1e-12)
        call("DeepPotCompute", potential, *arguments, None, None, None, None, None)
        check_ok("DeepPot", potential)


def test_no_atoms_and_no_centres() -> None:
    """A process of a parallel run may have nothing, or ghosts alone."""
    images = with_images(crowd(2), CUTOFF)
    alone = Images(images.coord, images.types, images.owner, 0, [])
    with opened("DeepPot", str(models.energies())) as potential, alone.list() as nlist:
        for atoms in (
            with_list(alone, nlist),
            Atoms(np.zeros((1, 0, 3)), np.zeros(0, np.int32), None, nlist=nlist),
            Atoms(np.zeros((1, 0, 3)), np.zeros(0, np.int32), np.eye(3)[None] * 9),
        ):
            results = compute("DeepPot", potential, atoms)
            check_ok("DeepPot", potential)
            assert all((value == 0).all() for value in results.arrays())
