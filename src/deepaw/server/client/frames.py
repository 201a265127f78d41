"""Frames of atoms as a server is sent them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError


def frames_message(
    kind: str,
    coord: ArrayLike,
    cell: ArrayLike | None,
    atype: ArrayLike | None,
    numbers: ArrayLike | None,
    pbc: Sequence[bool] | bool,
    parameters: tuple[ArrayLike | None, ArrayLike | None],
    **rest: Any,
) -> dict[str, Any]:
    """The message; arrays in the shapes of `deepaw.infer.DeepPot.eval`. parameters: fparam and aparam.

    Raises InputError: neither types nor numbers.
    """
    natoms = np.asarray(atype if atype is not None else numbers).shape[-1:]
    if natoms in ((), (0,)):
        raise InputError("A frame needs atype or numbers, one for each atom.")
    fparam, aparam = (None if given is None else np.asarray(given, dtype=np.float64) for given in parameters)
    return {
        "kind": kind,
        "coord": np.asarray(coord, dtype=np.float64).reshape(-1, natoms[0], 3),
        "cell": None if cell is None else np.asarray(cell, dtype=np.float64).reshape(-1, 3, 3),
        "types": None if atype is None else np.asarray(atype),
        "numbers": None if numbers is None else np.asarray(numbers),
        "pbc": pbc if isinstance(pbc, bool) else [bool(one) for one in pbc],
        "fparam": fparam,
        "aparam": aparam,
        **rest,
    }
