"""Dipoles and polarizabilities through DeePMD-kit's C interface, beside `deepaw.infer.DeepDipole` and `DeepPolar`."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.infer import DeepDipole, DeepPolar
from native.deepmd_c import models
from native.deepmd_c.calls import check_ok
from native.deepmd_c.interface import REALS, Images, call, opened, with_images
from native.deepmd_c.test_energies import CUTOFF, TOLERANCE
from potential.structures import Structure, crowd

MODELS = [("dipole", (0, 1)), ("dipole", (1,)), ("polar", (0, 1)), ("polar", (0,))]


def expected(kind: str, path: Path, structure: Structure) -> tuple[np.ndarray, ...]:
    model = (DeepDipole if kind == "dipole" else DeepPolar)(path)
    cell = None if structure.cell is None else structure.cells[None]
    return tuple(array[0] for array in model.eval_full(structure.coord[None], cell, structure.types, atomic=True))


def atoms_of(structure: Structure, real: str, images: Images | None) -> list[Any]:
    """Return the arguments that say where atoms are, up to the cell."""
    coord, types = (structure.coord, structure.types) if images is None else (images.coord, images.types)
    cell = None if images is not None or structure.cell is None else structure.cells.astype(REALS[real])
    return [len(types), coord.astype(REALS[real]), types.astype(np.int32), cell]


def take_array(pointer: Any, size: ctypes.c_int, width: int) -> np.ndarray:
    """Copy an array that the library allocated, and free it as strings are, by delete[]."""
    array = np.ctypeslib.as_array(pointer, (size.value,)).reshape(-1, width).copy()
    call("DeleteChar", pointer)
    return array


@pytest.mark.parametrize("real", ["", "f"])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(("kind", "selected"), MODELS)
def test_tensors_and_their_derivatives(kind: str, selected: tuple[int, ...], listed: bool, real: str) -> None:
    path, structure = models.tensors(kind, selected), crowd(2, 9)
    tensor, force, virial, atom_tensor, atom_virial = expected(kind, path, structure)
    n, rows = len(tensor), np.isin(structure.types, selected)
    images = with_images(structure, CUTOFF) if listed else None
    natoms = len(structure.types) if images is None else len(images.types)
    element, dtype = (ctypes.c_float if real else ctypes.c_double), REALS[real]
    results = [np.full(shape, np.nan, dtype) for shape in ((n,), (n, natoms, 3), (n, 9), (n, natoms, 9))]
    pointers = [ctypes.POINTER(element)() for _ in range(2)]
    sizes = [ctypes.c_int(-1) for _ in range(2)]

    def evaluate(handle: ctypes.c_void_p, neighbours: list[Any]) -> None:
        suffix = ("NList" if listed else "") + real
        arguments = [handle, *atoms_of(structure, real, images), *neighbours]
        call(f"DeepTensorComputeTensor{suffix}", *arguments, ctypes.byref(pointers[0]), ctypes.byref(sizes[0]))
        check_ok("DeepTensor", handle)
        outputs = [*results[:3], ctypes.byref(pointers[1]), results[3], ctypes.byref(sizes[1])]
        call(f"DeepTensorCompute{suffix}", *arguments, *outputs)
        check_ok("DeepTensor", handle)

    with opened("DeepTensor", str(path)) as handle:
        if images is None:
            evaluate(handle, [])
        else:
            with images.list() as nlist:
                evaluate(handle, [images.nghost, nlist])
    values = [
        results[0],
        results[1] if images is None else images.folded(results[1]),
        results[2],
        results[3] if images is None else images.folded(results[3]),
        *(take_array(pointer, size, n) for pointer, size in zip(pointers, sizes, strict=True)),
    ]
    references = [tensor, force, virial, atom_virial, atom_tensor[rows], atom_tensor[rows]]
    for value, reference in zip(values, references, strict=True):
        assert value.shape == reference.shape
        np.testing.assert_allclose(value, reference, rtol=0, atol=TOLERANCE[real] * np.abs(reference).max())


def test_without_periodicity_and_with_results_that_are_not_wanted() -> None:
    structure, path = crowd(2, periodic=False), models.tensors("dipole")
    tensor = np.empty(3)
    with opened("DeepTensor", str(path), 0, "", constructor="WithParam") as handle:
        call("DeepTensorCompute", handle, *atoms_of(structure, "", None), tensor, None, None, None, None, None)
        check_ok("DeepTensor", handle)
    np.testing.assert_allclose(tensor, expected("dipole", path, structure)[0], rtol=1e-10)


def test_properties() -> None:
    with opened("DeepTensor", str(models.tensors("dipole", (1,)))) as handle:
        assert call("DeepTensorGetCutoff", handle) == CUTOFF
        assert call("DeepTensorGetNumbTypes", handle) == 2
        assert call("DeepTensorGetOutputDim", handle) == 3
        assert call("DeepTensorGetTypeMap", handle) == "O H"
        assert call("DeepTensorGetNumbSelTypes", handle) == 1
        assert call("DeepTensorGetSelTypes", handle)[0] == 1
    with opened("DeepTensor", str(models.tensors("polar"))) as handle:
        assert call("DeepTensorGetOutputDim", handle) == 9
        assert call("DeepTensorGetSelTypes", handle)[:2] == [0, 1]


def test_errors_give_no_arrays() -> None:
    pointer, size = ctypes.POINTER(ctypes.c_double)(), ctypes.c_int(-1)
    structure = crowd(2)
    with opened("DeepTensor", str(models.energies())) as handle:
        text = f"{models.energies()} is a model of energies; a DP_DeepTensor is one of dipoles or polarizabilities."
        assert call("DeepTensorCheckOK", handle) == text
        arguments = atoms_of(structure, "", None)
        call("DeepTensorComputeTensor", handle, *arguments, ctypes.byref(pointer), ctypes.byref(size))
        assert call("DeepTensorCheckOK", handle) == text
        assert not pointer and size.value == 0
        assert call("DeepTensorGetNumbSelTypes", handle) == call("DeepTensorGetOutputDim", handle) == 0
        assert call("DeepTensorGetCutoff", handle) == 0 and call("DeepTensorGetTypeMap", handle) == ""
