"""Readers of labelled frames: outputs of other programs by dpdata, formats of ASE by ASE."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from dpdata import LabeledSystem, MultiSystems
from dpdata.format import Format

from deepaw.errors import InputError
from deepaw.potential.data.find import find_systems
from deepaw.potential.data.hdf5 import SEPARATOR, SystemPath
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.system import read_system
from deepaw.structure.files import read_frames as read_structures

BY_ASE = {"extxyz": "extxyz", "ase/traj": "traj"}
"""Formats that ASE reads: the name in ASE by the name here."""

BY_LABEL = {"energy": "energies", "force": "forces", "virial": "virials"}
"""Names of labels in dpdata by those in data sets."""

BY_NAME = {
    "OUTCAR*": "vasp/outcar",
    "*.OUTCAR": "vasp/outcar",
    "vasprun*.xml": "vasp/xml",
    "*.extxyz": "extxyz",
    "*.xyz": "extxyz",
    "*.traj": "ase/traj",
    "*.h5": "deepmd/hdf5",
    "*.hdf5": "deepmd/hdf5",
}
"""Format by pattern of the file name, where the name says it."""


def known_formats() -> list[str]:
    """Return the names of all formats that can be read."""
    registered: dict[str, Any] = Format.get_formats()
    readers = {name for name, kind in registered.items() if kind.from_labeled_system is not Format.from_labeled_system}
    return sorted((readers | BY_ASE.keys() | {"deepmd/npy/mixed"}) - {"ase/structure"})


def guess_format(path: Path) -> str:
    """Guess the format of a file by its name. Raises InputError, listing all formats: the name does not say."""
    if _is_group(path):
        return "deepmd/hdf5"
    if path.is_dir() and next(path.rglob("type.raw"), None) is not None:
        return "deepmd/npy"
    for pattern, name in BY_NAME.items():
        if not path.is_dir() and path.match(pattern):
            return name
    raise InputError(
        f"The name of {path} does not say what its format is; give one with --format: {', '.join(known_formats())}."
    )


def read_frames(path: Path, name: str | None = None) -> list[LabeledSystem]:
    """Read all frames with energies in a file, a folder or a group of an HDF5 file as systems of dpdata.

    name: of the format; None: guess it from the file's name.

    Raises InputError: no such file, an unknown format, a file that cannot be read in it, no frames, or no energies.
    """
    if not path.exists() and not _is_group(path):
        raise InputError(f"There is no file or folder {path}.")
    name = name or guess_format(path)
    if name not in known_formats():
        raise InputError(f"{name} is not a format that is known; there are {', '.join(known_formats())}.")
    if name == "deepmd/hdf5":
        systems = [system for place in find_systems(str(path)) for system in _read_hdf5(place)]
    elif name in BY_ASE:
        systems = _read_by_ase(path, BY_ASE[name])
    else:
        try:
            systems = _read_by_dpdata(path, name)
        except InputError:
            raise
        except Exception as error:  # readers raise whatever their parsing stumbles over
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise InputError(f"{path} cannot be read as {name} ({reason}).") from error
    systems = [system for system in systems if len(system.data["atom_numbs"]) and system.get_nframes()]
    if not systems:
        raise InputError(f"{path} holds no frames as {name}; a calculation that did not converge gives none.")
    return systems


def _is_group(path: Path) -> bool:
    """Whether a path names a group of a file, as in water.hdf5#/a."""
    file, separator, _ = str(path).rpartition(SEPARATOR)
    return bool(separator) and not path.exists() and Path(file).is_file()


def _read_by_dpdata(path: Path, name: str) -> list[LabeledSystem]:
    if name in ("deepmd", "deepmd/npy", "deepmd/comp", "deepmd/raw"):
        return [LabeledSystem(str(folder), fmt=name) for folder in find_systems(str(path))]
    several = Format.get_formats()[name].from_multi_systems is not Format.from_multi_systems
    if several and (path.is_dir() or name.endswith("xyz")):
        systems = MultiSystems.from_file(str(path), fmt=name).systems.values()
        return [LabeledSystem(data=system.data) for system in systems]
    return [LabeledSystem(str(path), fmt=name)]


def _read_hdf5(place: SystemPath) -> list[LabeledSystem]:
    """Read a system of an HDF5 file, of mixed type or not; dpdata knows fewer ways to write one."""
    system = read_system(place, request=LabelRequest(frozenset(BY_LABEL)))
    system.require("energy")
    alike: dict[tuple[str, ...], list[dict[str, np.ndarray]]] = defaultdict(list)
    for frame in system.frames():
        labels = {key: frame.labels[name] for name, key in BY_LABEL.items() if name in frame.labels}
        cell = np.zeros((3, 3)) if frame.cell is None else frame.cell
        symbols = tuple(system.type_map[kind] for kind in frame.types)
        alike[symbols].append({"coords": frame.coord, "cells": cell, **labels})
    return [_system(symbols, system.is_periodic, rows) for symbols, rows in alike.items()]


def _read_by_ase(path: Path, name: str) -> list[LabeledSystem]:
    alike: dict[Any, list[dict[str, np.ndarray]]] = defaultdict(list)
    for number, atoms in enumerate(read_structures(path, name), start=1):
        labels = _labels(atoms, f"{path}, frame {number},")
        key = (tuple(atoms.symbols), bool(atoms.pbc.any()), tuple(labels))
        alike[key].append({"coords": atoms.positions, "cells": atoms.cell.array, **labels})
    return [_system(symbols, periodic, rows) for (symbols, periodic, _), rows in alike.items()]


def _labels(atoms: Atoms, name: str) -> dict[str, np.ndarray]:
    """Return the energy of a frame, and its forces and virial where it has them, under the names of dpdata.

    Of two energies, the one is taken that the forces are the gradient of; forces are those before constraints. The
    stress, in which ASE counts tension as positive, becomes virial = -volume * stress.
    """
    if atoms.pbc.any() and atoms.cell.rank < 3:
        raise InputError(f"{name} is periodic but has fewer than three cell vectors; give all three.")
    if (atoms.numbers < 1).any():
        raise InputError(f"{name} has an atom that is no chemical element; each atom needs one.")
    results = _results(atoms)
    energy = results.get("free_energy", results.get("energy"))
    if energy is None:
        content = sorted(map(str, [*atoms.info, *atoms.arrays]))
        raise InputError(f"{name} has no energy; what it has is {', '.join(content)}.")
    labels = {"energies": np.asarray(energy, dtype=np.float64)}
    if "forces" in results:
        labels["forces"] = np.asarray(results["forces"], dtype=np.float64)
    if (virial := atoms.info.get("virial")) is not None:
        if np.size(virial) != 9:
            raise InputError(f"{name} has a virial of {np.size(virial)} numbers; it should have 9.")
        labels["virials"] = np.asarray(virial, dtype=np.float64).reshape(3, 3)
    elif "stress" in results and atoms.pbc.any():
        labels["virials"] = -atoms.get_volume() * np.asarray(results["stress"], dtype=np.float64)
    return labels


def _results(atoms: Atoms) -> dict[str, Any]:
    """Return the calculated results of a frame: forces without constraints, stress as a matrix."""
    results = {name: atoms.info[name] for name in ("energy", "free_energy") if name in atoms.info}
    if (forces := atoms.arrays.get("forces", atoms.arrays.get("force"))) is not None:
        results["forces"] = forces
    if atoms.calc is None:
        return results
    for name in ("energy", "free_energy", "forces"):
        try:
            value = atoms.calc.get_property(name, atoms, allow_calculation=False)
        except PropertyNotImplementedError:
            continue
        if value is not None:
            results[name] = value
    with suppress(PropertyNotImplementedError):
        results["stress"] = atoms.get_stress(voigt=False, apply_constraint=False)
    return results


def _system(symbols: tuple[str, ...], periodic: bool, rows: list[dict[str, np.ndarray]]) -> LabeledSystem:
    names = list(dict.fromkeys(symbols))
    data: dict[str, Any] = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    data |= {
        "atom_names": names,
        "atom_numbs": [symbols.count(name) for name in names],
        "atom_types": np.array([names.index(symbol) for symbol in symbols]),
        "orig": np.zeros(3),
    }
    return LabeledSystem(data=data if periodic else data | {"nopbc": True})
