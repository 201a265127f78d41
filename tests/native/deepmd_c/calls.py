"""Evaluations through the functions of DeePMD-kit's C interface, with their results as arrays."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from native.deepmd_c.interface import REALS, call


@dataclass
class Energies:
    """Results of models (or frames), which are the first axis, of natoms atoms."""

    energy: np.ndarray
    force: np.ndarray
    virial: np.ndarray
    atom_energy: np.ndarray
    atom_virial: np.ndarray

    @classmethod
    def empty(cls, count: int, natoms: int, dtype: Any) -> Energies:
        shapes = ((natoms, 3), (9,), (natoms,), (natoms, 9))
        return cls(np.full(count, np.nan), *(np.full((count, *shape), np.nan, dtype) for shape in shapes))

    def arrays(self) -> list[np.ndarray]:
        return [getattr(self, field.name) for field in fields(self)]


@dataclass
class Atoms:
    """Arguments of an evaluation, with frames as the first axis; nghost, nlist: for functions with neighbour lists."""

    coord: np.ndarray
    types: np.ndarray
    cell: np.ndarray | None
    fparam: np.ndarray | None = None
    aparam: np.ndarray | None = None
    nghost: int = 0
    nlist: ctypes.c_void_p | None = None
    ago: int = 0


def compute(
    kind: str,
    handle: ctypes.c_void_p,
    atoms: Atoms,
    version: str = "2",
    real: str = "",
    models: int = 1,
    function: str = "Compute",
) -> Energies:
    """Call DP_<kind><function>, or with a neighbour list <function>NList, of a version of the argument list.

    real: "f" for floats. models: number of models of a model deviation.
    """
    dtype = REALS[real]
    nframes, natoms = atoms.coord.shape[:2]
    coord, cell, fparam, aparam = (
        None if array is None else np.ascontiguousarray(array, dtype)
        for array in (atoms.coord, atoms.cell, atoms.fparam, atoms.aparam)
    )
    results = Energies.empty(models * nframes, natoms, dtype)
    takes_frames = version != "" or function == "ComputeMixedType"
    arguments = [natoms, coord, np.ascontiguousarray(atoms.types, np.int32), cell]
    if takes_frames:
        arguments.insert(0, nframes)
    if atoms.nlist is not None:
        function += "NList"
        arguments += [atoms.nghost, atoms.nlist, atoms.ago]
    if takes_frames:
        arguments += [fparam, aparam]
    if version == "3":
        arguments.append(None)
    call(f"{kind}{function}{real}{version}", handle, *arguments, *results.arrays())
    return results


def check_ok(kind: str, handle: ctypes.c_void_p) -> None:
    """Assert that the last call on an object went well."""
    assert call(f"{kind}CheckOK", handle) == ""
