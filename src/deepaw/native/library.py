"""Loader of the compiled library, with the types of the arguments of its functions.

The functions are declared in `native/include/deepaw_native.h`. They release the interpreter's lock while they run.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

import torch

VERSION = 2
"""Version of the interface of the library that this package needs."""

SWITCH = "DEEPAW_NATIVE"
"""Environment variable; with 0 the library is not used."""

_NAMES = {"win32": "deepaw.dll", "darwin": "libdeepaw.dylib"}


class PairFormStruct(ctypes.Structure):
    """C structure `deepaw_pair_form`."""

    _fields_ = [  # in the order of the C header
        *((name, ctypes.c_int32) for name in ("ntypes", "components", "polynomials", "fading", "fixed_slots")),
        *((name, ctypes.c_double) for name in ("rcut", "rcut_smth", "protection", "high")),
        *((name, ctypes.c_void_p) for name in ("mean", "scale", "excluded", "slots", "empty", "hidden")),
    ]


class NeighboursStruct(ctypes.Structure):
    """C structure `deepaw_neighbours`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("natoms", "stride")),
        *((name, ctypes.c_void_p) for name in ("types", "rows", "neighbour", "vector")),
    ]


class EnergyResultStruct(ctypes.Structure):
    """C structure `deepaw_energy_result`."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("energy", "force", "virial", "atom_energy", "atom_virial")]


_INT, _LONG, _REAL, _ADDRESS = ctypes.c_int32, ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
_FORM, _NEIGHBOURS = ctypes.POINTER(PairFormStruct), ctypes.POINTER(NeighboursStruct)

_SIGNATURES = {
    "deepaw_native_version": (ctypes.c_int, []),
    "deepaw_instruction_set": (ctypes.c_char_p, []),
    "deepaw_list_build": (_ADDRESS, [_LONG, _ADDRESS, _ADDRESS, _INT, _INT, *[_ADDRESS] * 3, _REAL, _INT]),
    "deepaw_list_free": (None, [_ADDRESS]),
    "deepaw_list_pairs": (_LONG, [_ADDRESS]),
    "deepaw_list_rows": (_ADDRESS, [_ADDRESS]),
    "deepaw_list_neighbour": (_ADDRESS, [_ADDRESS]),
    "deepaw_list_move": (None, [_ADDRESS, _ADDRESS]),
    "deepaw_list_shortest": (_REAL, [_ADDRESS, _ADDRESS]),
    "deepaw_list_gather": (_LONG, [_ADDRESS, _LONG, _LONG, _REAL, _LONG, *[_ADDRESS] * 3, _INT]),
    "deepaw_moments_forward": (None, [_FORM, _NEIGHBOURS, _ADDRESS, _INT]),
    "deepaw_moments_vjp": (None, [_FORM, _NEIGHBOURS, _ADDRESS, _ADDRESS, _LONG, _INT, _INT]),
    "deepaw_moments_jvp": (None, [_FORM, _NEIGHBOURS, _ADDRESS, _LONG, _ADDRESS, _INT]),
    "deepaw_forces": (None, [_NEIGHBOURS, _INT, _ADDRESS, _LONG, _LONG, *[_ADDRESS] * 4, _INT]),
    "deepaw_forces_transposed": (None, [_NEIGHBOURS, _INT, _ADDRESS, _ADDRESS, _LONG, *[_ADDRESS] * 2, _LONG, _INT]),
    "deepaw_products_forward": (None, [_LONG, *[_INT] * 3, *[_ADDRESS] * 2, _INT]),
    "deepaw_products_backward": (None, [_LONG, *[_INT] * 3, *[_ADDRESS] * 3, _INT]),
    "deepaw_open_bytes": (_ADDRESS, [ctypes.c_char_p, _LONG, _INT]),
    "deepaw_evaluate_sorted": (
        _INT,
        [*[_ADDRESS] * 2, _LONG, *[_ADDRESS] * 2, _LONG, _LONG, _INT, ctypes.POINTER(EnergyResultStruct)],
    ),
    "deepaw_close": (None, [_ADDRESS]),
    "deepaw_error": (ctypes.c_char_p, []),
    "deepaw_tanh": (None, [_LONG, *[_ADDRESS] * 4, _INT]),
}


def find_library() -> ctypes.CDLL | None:
    """Return the compiled library, or None if it was not built or is switched off by the environment."""
    return None if os.environ.get(SWITCH) == "0" else _load()


def describe_library() -> str:
    """Return a line that says which kernels are in use, and why if they are not the compiled ones."""
    if os.environ.get(SWITCH) == "0":
        return f"PyTorch ({SWITCH}=0)"
    library = _load()
    if library is None:
        return "PyTorch (the compiled part was not built: no C++ compiler on installation)"
    return f"compiled, {library.deepaw_instruction_set().decode()}"


def address(tensor: torch.Tensor | None) -> int | None:
    """Return the address of a tensor's first number, or None without a tensor."""
    return None if tensor is None else tensor.data_ptr()


@cache
def _load() -> ctypes.CDLL | None:
    path = Path(__file__).with_name(_NAMES.get(sys.platform, "libdeepaw.so"))
    try:
        library = ctypes.CDLL(str(path))
        if library.deepaw_native_version() != VERSION:
            return None
    except (OSError, AttributeError):
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
