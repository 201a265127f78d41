"""Keyword arguments of GPAW: read from JSON, checked, and chosen where there are none."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from math import ceil, pi
from pathlib import Path
from typing import Any

from ase import Atoms

from deepaw.errors import InputError
from deepaw.textfile import read_text

XC = "PBE"
CUTOFF = 600.0
"""eV, of plane waves."""
KSPACING = 0.5
"""1/A, with the factor 2 pi, as VASP's KSPACING."""
SMEARING = 0.01
"""eV, width of the Fermi-Dirac distribution."""


def read_parameters(path: Path) -> dict[str, Any]:
    """Read a JSON object of keyword arguments of `gpaw.dft.GPAW`, such as {"mode": {"name": "pw", "ecut": 600}}.

    Raises InputError: no such file, not UTF-8, or not such an object.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path} with parameters of GPAW.")
    try:
        parameters = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); an object of GPAW's keyword arguments is needed.") from None
    if not isinstance(parameters, dict) or "mode" not in parameters:
        raise InputError(
            f'{path} must hold an object of GPAW\'s keyword arguments with at least "mode", such as '
            '{"mode": {"name": "pw", "ecut": 600}, "kpts": [4, 4, 4], "xc": "PBE"}.'
        )
    return parameters


def default_parameters(
    atoms: Atoms,
    *,
    xc: str = XC,
    cutoff: float = CUTOFF,
    kspacing: float = KSPACING,
    smearing: float = SMEARING,
) -> dict[str, Any]:
    """Return keyword arguments for plane waves, Gamma-centred k points and Fermi-Dirac smearing.

    cutoff: eV. kspacing: 1/A. smearing: eV.
    """
    return {
        "mode": {"name": "pw", "ecut": cutoff},
        "xc": xc,
        "kpts": {"size": kpoint_counts(atoms, kspacing), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": smearing},
    }


def kpoint_counts(atoms: Atoms, kspacing: float) -> tuple[int, int, int]:
    """Return the smallest numbers of k points whose distance is at most `kspacing` (1/A); 1 where not periodic."""
    lengths = 2 * pi * atoms.cell.reciprocal().lengths()
    n1, n2, n3 = (
        max(1, ceil(length / kspacing - 1e-9)) if periodic else 1
        for length, periodic in zip(lengths, atoms.pbc, strict=True)
    )
    return n1, n2, n3


def check_parameters(parameters: Mapping[str, Any]) -> Any:
    """Return `parameters` as gpaw.dft.Parameters. Raises InputError where GPAW does not know a key or a value."""
    from gpaw.dft import PARAMETER_NAMES, Parameters

    unknown = sorted(set(parameters) - set(PARAMETER_NAMES))
    if unknown:
        raise InputError(f"GPAW has no parameter {unknown[0]!r}; it has {', '.join(sorted(PARAMETER_NAMES))}.")
    try:
        # GPAW takes entries out of what it is given
        return Parameters(**copy.deepcopy(dict(parameters)))
    except Exception as error:  # of all kinds, for values that it does not take
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"GPAW refuses its parameters {json.dumps(parameters, default=str)}: {reason}.") from error
