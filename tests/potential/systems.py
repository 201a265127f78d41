"""Water-like systems in deepmd/npy format with energies in closed form, for tests of data and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vesin import NeighborList

CUTOFF = 4.0
"""Distance where the pair energy and its first two derivatives vanish, A."""

STRENGTH = np.array([[6.0, -4.0], [-4.0, 2.0]])
"""Pair energies of O-O, O-H and H-H at distance 0, eV."""

ALONE = np.array([-4.0, -1.5])
"""Energies of an isolated O and an isolated H, eV."""

ELEMENTS = ("O", "H")


@dataclass(frozen=True)
class Frames:
    """Frames of one composition.

    types: (natoms,) int64, into `ELEMENTS`; coord: (nframes, natoms, 3), A; cell: (nframes, 3, 3), A, or None;
    labels: energy (nframes,), force (nframes, natoms, 3), virial (nframes, 3, 3), atom_ener (nframes, natoms); eV, A.
    """

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray | None
    labels: dict[str, np.ndarray]


def water(nframes: int, molecules: int = 4, seed: int = 0, periodic: bool = True) -> Frames:
    """Return slightly deformed molecules at random positions and orientations, in a different triclinic cell each."""
    random = np.random.default_rng((seed, molecules))
    edge = int(np.ceil(molecules ** (1 / 3)))
    coords, cells = [], []
    for _ in range(nframes):
        sites = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:molecules]
        cell = 3.1 * edge * np.eye(3) + random.normal(0, 0.15, (3, 3))
        oxygen = sites / edge @ cell + random.normal(0, 0.15, (molecules, 3))
        arms = np.array([[0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
        arms = np.einsum("kj,mij->mki", arms, np.linalg.qr(random.normal(size=(molecules, 3, 3)))[0])
        hydrogen = (oxygen[:, None] + arms + random.normal(0, 0.05, arms.shape)).reshape(-1, 3)
        coords.append(np.concatenate([oxygen, hydrogen]))
        cells.append(cell)
    types = np.repeat([0, 1], [molecules, 2 * molecules])
    return labelled(types, np.array(coords), np.array(cells) if periodic else None)


def labelled(types: np.ndarray, coord: np.ndarray, cell: np.ndarray | None) -> Frames:
    """Return structures with their labels."""
    rows = [pair_labels(types, coord[k], None if cell is None else cell[k]) for k in range(len(coord))]
    return Frames(types, coord, cell, {name: np.array([row[name] for row in rows]) for name in rows[0]})


def pair_labels(types: np.ndarray, coord: np.ndarray, cell: np.ndarray | None) -> dict[str, np.ndarray]:
    """Compute the labels of one frame: E = sum of ALONE + sum over pairs of STRENGTH (1 - r^2 / CUTOFF^2)^3."""
    first, second, vector = NeighborList(cutoff=CUTOFF, full_list=False).compute(
        points=coord, box=np.zeros((3, 3)) if cell is None else cell, periodic=cell is not None, quantities="ijD"
    )
    first, second = first.astype(np.int64), second.astype(np.int64)
    strength = STRENGTH[types[first], types[second]]
    left = 1 - (vector**2).sum(axis=1) / CUTOFF**2
    pair = strength * left**3
    slope = (-6 / CUTOFF**2 * strength * left**2)[:, None] * vector  # dE / d(vector)
    atom_ener = ALONE[types].astype(np.float64)
    force = np.zeros_like(coord)
    for atom, sign in ((first, 1), (second, -1)):
        np.add.at(atom_ener, atom, pair / 2)
        np.add.at(force, atom, sign * slope)
    return {"energy": atom_ener.sum(), "force": force, "virial": -vector.T @ slope, "atom_ener": atom_ener}


def write_system(
    folder: Path,
    frames: Frames,
    type_map: Sequence[str] | None = ELEMENTS,
    sets: int = 1,
    labels: Sequence[str] = ("energy", "force", "virial"),
    dtype: type = np.float64,
) -> Path:
    """Write a `deepmd/npy` folder, with the frames divided among `sets`; `type_map`: in any order, or None."""
    folder.mkdir(parents=True)
    names = ELEMENTS if type_map is None else type_map
    np.savetxt(folder / "type.raw", [names.index(ELEMENTS[t]) for t in frames.types], fmt="%d")
    if type_map is not None:
        (folder / "type_map.raw").write_text("\n".join(type_map) + "\n")
    if frames.cell is None:
        (folder / "nopbc").touch()
    _write_sets(folder, frames, sets, labels, dtype)
    return folder


def write_mixed_system(
    folder: Path,
    compositions: Sequence[Frames],
    type_map: Sequence[str] = ELEMENTS,
    labels: Sequence[str] = ("energy", "force", "virial"),
) -> Path:
    """Write a mixed-type folder with a set for each composition, padded to the largest by virtual atoms (-1)."""
    folder.mkdir(parents=True)
    natoms = max(len(frames.types) for frames in compositions)
    np.savetxt(folder / "type.raw", np.zeros(natoms), fmt="%d")
    (folder / "type_map.raw").write_text("\n".join(type_map) + "\n")
    for number, frames in enumerate(compositions):
        padding = natoms - len(frames.types)
        padded = {
            name: np.pad(array, [(0, 0), (0, padding)] + [(0, 0)] * (array.ndim - 2))
            if name in ("force", "atom_ener")
            else array
            for name, array in frames.labels.items()
        }
        coord = np.pad(frames.coord, [(0, 0), (0, padding), (0, 0)])
        _write_sets(folder, Frames(frames.types, coord, frames.cell, padded), 1, labels, np.float64, number)
        types = [type_map.index(ELEMENTS[t]) for t in frames.types] + [-1] * padding
        np.save(folder / f"set.{number:03d}" / "real_atom_types.npy", np.tile(types, (len(coord), 1)))
    return folder


def _write_sets(folder: Path, frames: Frames, sets: int, labels: Sequence[str], dtype: type, first: int = 0) -> None:
    arrays = {"coord": frames.coord} | {name: frames.labels[name] for name in labels}
    if frames.cell is not None:
        arrays["box"] = frames.cell
    for number, part in enumerate(np.array_split(np.arange(len(frames.coord)), sets), start=first):
        (folder / f"set.{number:03d}").mkdir()
        for name, array in arrays.items():
            rows = array[part] if name == "energy" else array[part].reshape(len(part), -1)
            np.save(folder / f"set.{number:03d}" / f"{name}.npy", rows.astype(dtype))
