"""Registry of fitting nets in DeePMD-kit's files by their `type`. A new one needs its own file and two entries here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepaw.potential.files.component import DescriptorPart, FittingPart
from deepaw.potential.files.energy import read_energy, write_energy
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.tensors import read_dipole, read_polar, write_dipole, write_polar
from deepaw.potential.model.atomic import AtomicModel

READERS: dict[str, Callable[[Fields, list[str], DescriptorPart, dict[str, Any]], FittingPart]] = {
    "ener": read_energy,
    "dipole": read_dipole,
    "polar": read_polar,
}

WRITERS: dict[str, Callable[[Any, list[str]], tuple[dict[str, Any], np.ndarray]]] = {
    "ener": write_energy,
    "dipole": write_dipole,
    "polar": write_polar,
}


def read_fitting(fields: Fields, type_map: list[str], descriptor: DescriptorPart, model: dict[str, Any]) -> FittingPart:
    """Read a fitting net from its object in a file; raises InputError for one that is not supported.

    model: section `model` as far as it is known.
    """
    return fields.choose("type", READERS)(fields, type_map, descriptor, model)


def write_fitting(model: AtomicModel, type_map: list[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the object of a fitting net in a file, and `out_bias`, (ntypes, outputs)."""
    return WRITERS[model.config.fitting_net.type](model, type_map)
