"""Fitting nets of DeePMD-kit's files, by their `type`. A new one is its file and a line in each table here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from deepaw.potential.files.component import FittingPart
from deepaw.potential.files.energy import read_energy, write_energy
from deepaw.potential.files.fields import Fields
from deepaw.potential.fitting.energy import EnergyFitting

READERS: dict[str, Callable[[Fields, list[str], int], FittingPart]] = {"ener": read_energy}

WRITERS: dict[type[nn.Module], Callable[[Any, list[str], int], dict[str, Any]]] = {EnergyFitting: write_energy}


def read_fitting(fields: Fields, type_map: list[str], width: int) -> FittingPart:
    """The fitting net in an object of a file; raises InputError for one that is not supported."""
    return fields.choose("type", READERS)(fields, type_map, width)


def write_fitting(module: nn.Module, type_map: list[str], width: int) -> dict[str, Any]:
    """The object of a fitting net in a file."""
    return WRITERS[type(module)](module, type_map, width)
