"""Systems in deepmd/npy or deepmd/hdf5: frames of atoms with energies, forces and more, read when they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.geometry import NOT_FINITE, cell_faults, coord_faults
from deepaw.potential.data.hdf5 import SystemPath, system_path
from deepaw.potential.data.labels import PER_ATOM, LabelRequest, Labels, find_labels
from deepaw.potential.data.sets import Quantity, count_frames, find_quantity, find_sets
from deepaw.potential.data.types import find_mixed_types, read_type_map, read_types, type_indices, used_types
from deepaw.potential.neighbours.pairs import real_atoms


@dataclass(frozen=True)
class Frame:
    """One structure and its labels, without virtual atoms.

    types: (n,) int64, indices into the type map of the system
    coord: (n, 3) float64, A
    cell: (3, 3) float64, A, vectors as rows; None without periodicity
    labels: float64 by name, in eV and A: energy (), force (n, 3), virial (3, 3), atom_ener (n,), atom_pref (n,),
        fparam (nf,), aparam (n, na); in any unit: dipole (3,), atomic_dipole (n, 3), polarizability (3, 3),
        atomic_polarizability (n, 3, 3), where atoms without a tensor have 0
    """

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray | None
    labels: dict[str, np.ndarray]

    def masked(self) -> Frame:
        """Remove the cell and the atoms whose mask in aparam is 0. Raises InputError: as `real_atoms`."""
        real = real_atoms(self.labels["aparam"])
        labels = {name: rows[real] if name in PER_ATOM else rows for name, rows in self.labels.items()}
        return Frame(self.types[real], self.coord[real], None, labels)


@dataclass(frozen=True)
class System:
    """Frames of a fixed number of atoms, of one composition or of several (mixed type).

    name: the path as it was given to `open_system`
    type_map: names of the types that indices refer to
    labels: arrays of all frames by name, for requested labels that every set has, read at each access: those of `Frame`
        with a first axis of length nframes, and natoms with virtual atoms; the virial has the sign of the files,
        -dE/d(strain)
    correction: applied to every frame that is read; changes labels only
    """

    name: str
    type_map: tuple[str, ...]
    labels: Labels = field(repr=False)
    _sets: tuple[SystemPath, ...] = field(repr=False)
    _coord: Quantity = field(repr=False)
    _box: Quantity | None = field(repr=False)
    _types: np.ndarray | Quantity = field(repr=False)
    _translation: np.ndarray = field(repr=False)
    correction: Callable[[Frame], Frame] | None = field(default=None, repr=False)

    @cached_property
    def nframes(self) -> int:
        """Number of frames in all sets."""
        return sum(self._coord.counts)

    @property
    def natoms(self) -> int:
        """Number of atoms in a frame, virtual ones counted."""
        return self._coord.shape[0]

    @property
    def is_mixed(self) -> bool:
        """Whether frames may differ in composition, with virtual atoms (type -1) that fill up smaller ones."""
        return isinstance(self._types, Quantity)

    @property
    def is_periodic(self) -> bool:
        """Whether the frames have cells."""
        return self._box is not None

    @property
    def types(self) -> np.ndarray:
        """Types (nframes, natoms) int64, indices into `type_map`; -1 for virtual atoms."""
        if isinstance(self._types, Quantity):
            return self._translation[self._types.all()]
        return np.broadcast_to(self._translation[self._types], (self.nframes, self.natoms))

    @property
    def coord(self) -> np.ndarray:
        """Coordinates (nframes, natoms, 3) float64, A, read at each access."""
        return self._coord.all()

    @property
    def cell(self) -> np.ndarray | None:
        """Cells (nframes, 3, 3) float64, A, read at each access; None without periodicity."""
        return None if self._box is None else self._box.all()

    def frame(self, index: int) -> Frame:
        """Read the frame `index`, from 0, without virtual atoms. Raises IndexError: there is none."""
        if not 0 <= index < self.nframes:
            raise IndexError(f"{self.name} has no frame {index}")
        frame = self._read(index, self.labels.quantities)
        return frame if self.correction is None else self.correction(frame)

    def structure(self, index: int) -> Frame:
        """Read the frame `index` without labels but aparam, whose mask `Frame.masked` needs. Faster than `frame`."""
        quantities = self.labels.quantities
        return self._read(index, {"aparam": quantities["aparam"]} if "aparam" in quantities else {})

    def _read(self, index: int, quantities: Mapping[str, Quantity]) -> Frame:
        raw = self._types.frame(index) if isinstance(self._types, Quantity) else self._types
        types, coord = self._translation[raw], self._coord.frame(index)
        cell = None if self._box is None else self._box.frame(index)
        labels = {name: quantity.frame(index) for name, quantity in quantities.items()}
        real = types >= 0
        if not real.all():
            types, coord = types[real], coord[real]
            labels = {name: rows[real] if name in PER_ATOM else rows for name, rows in labels.items()}
        return Frame(types, coord, cell, labels)

    def frames(self) -> Iterator[Frame]:
        """Yield all frames in order."""
        return (self.frame(index) for index in range(self.nframes))

    def require(self, *names: str) -> None:
        """Check that every set has these labels. Raises InputError, naming the first missing file."""
        for name in names:
            if name not in self.labels:
                path = next(path for folder in self._sets if not (path := folder / f"{name}.npy").exists())
                raise InputError(f"There is no {path}, which is needed to train on {name}.")

    @property
    def folder(self) -> SystemPath:
        """Folder, or group of an HDF5 file, of the sets."""
        return self._sets[0].parent

    @property
    def translation(self) -> np.ndarray:
        """Index into `type_map` for each type number of the files, (n,) int64; the last is -1, for virtual atoms."""
        return self._translation

    @property
    def raw_types(self) -> np.ndarray | Quantity:
        """Type numbers of the files: (natoms,) int64, or by frame in a mixed-type system."""
        return self._types

    def quantities(self) -> list[Quantity]:
        """Return coordinates, cells and labels, as they lie in files."""
        box = [] if self._box is None else [self._box]
        return [self._coord, *box, *self.labels.quantities.values()]

    def check_numbers(self, first: int = 0, last: int | None = None) -> None:
        """Check all numbers of the frames `first` to `last` - 1 (default: all) that are read from files.

        Raises InputError: numbers that are not finite, or a cell or coordinates that no neighbour list can be made of.
        """
        for quantity in self.quantities():
            for start, rows in quantity.blocks(first, last):
                if faults := _faults(quantity.name, rows):
                    index = min(faults)
                    raise InputError(
                        f"{quantity.where(start + index)} has {faults[index]}; correct it or leave it out."
                    )


def open_system(
    path: str | SystemPath, type_map: Sequence[str] | None = None, request: LabelRequest | None = None
) -> System:
    """Open a system and check that its files fit together, but not their numbers; see `read_system`.

    Raises InputError: no folder or group of an HDF5 file, no type.raw, no set.*, no coord.npy, no box.npy though there
    is no `nopbc`, arrays of a wrong size, no frames, a type that is not in `type_map` or a type number that is in no
    map.
    """
    folder = system_path(path)
    raw = read_types(folder)
    sets = find_sets(folder)
    counts = count_frames(sets, len(raw))
    _refuse_copies(sets)
    types = find_mixed_types(sets, counts, len(raw))
    used = np.unique(raw) if types is None else used_types(types)
    target, table = type_indices(folder, used, read_type_map(folder), type_map)
    coord = find_quantity(sets, counts, ["coord"], (len(raw), 3))
    assert coord is not None  # its files were counted
    box = None
    if not (folder / "nopbc").exists():
        box = find_quantity(sets, counts, ["box"], (3, 3))
        if box is None:
            missing = next(path for folder in sets if not (path := folder / "box.npy").exists())
            raise InputError(f"There is no {missing}; frames need a cell, or an empty file nopbc beside type.raw.")
    labels = find_labels(sets, counts, table[raw] if types is None else None, len(raw), request)
    return System(str(path), target, labels, tuple(sets), coord, box, raw if types is None else types, table)


def read_system(
    path: str | SystemPath, type_map: Sequence[str] | None = None, request: LabelRequest | None = None
) -> System:
    """Open a system and check all its numbers once.

    type_map: of the model, which type indices then refer to; by default that of the system. request: labels to read;
    by default all.

    Raises InputError: as `open_system`; numbers that are not finite, a cell of zero volume, or a cell or coordinates
    that no neighbour list can be made of.
    """
    system = open_system(path, type_map, request)
    system.check_numbers()
    return system


def _faults(name: str, rows: np.ndarray) -> dict[int, str]:
    """Find frames with numbers that cannot be used; a phrase for each, by index."""
    if name == "box":
        return cell_faults(rows)
    if name == "coord":
        return coord_faults(rows)
    bad = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
    return dict.fromkeys(np.flatnonzero(bad).tolist(), NOT_FINITE)


def _refuse_copies(sets: Sequence[SystemPath]) -> None:
    for path in (folder / "numb_copy.npy" for folder in sets):
        if path.exists():
            raise InputError(f"{path} asks for frames to count several times, which is not supported; remove the file.")
