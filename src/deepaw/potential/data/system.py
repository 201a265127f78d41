"""One `deepmd/npy` system: frames of atoms with energies, forces and more, read as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.geometry import NOT_FINITE, cell_faults, coord_faults
from deepaw.potential.data.sets import Quantity, count_frames, find_quantity, find_sets
from deepaw.potential.data.types import LARGEST, read_type_map, read_types, translation
from deepaw.potential.neighbours.pairs import real_atoms

PER_ATOM = {"force", "atom_ener", "atom_pref", "aparam", "atomic_dipole", "atomic_polarizability"}
"""Labels that have one row per atom."""


@dataclass(frozen=True)
class Frame:
    """One structure and its labels, without virtual atoms.

    types: (n,) int64; coord: (n, 3) float64, A; cell: (3, 3) float64, A, vectors as rows, or None where nothing is
    periodic; labels: float64; energy (), force (n, 3), virial (3, 3), atom_ener (n,), atom_pref (n,), fparam (nf,),
    aparam (n, na), in eV and A; dipole (3,), atomic_dipole (n, 3), polarizability (3, 3), atomic_polarizability
    (n, 3, 3).
    """

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray | None
    labels: dict[str, np.ndarray]

    def masked(self) -> Frame:
        """Without a cell and without the atoms that are 0 in aparam. Raises InputError: as `real_atoms`."""
        real = real_atoms(self.labels["aparam"])
        labels = {name: rows[real] if name in PER_ATOM else rows for name, rows in self.labels.items()}
        return Frame(self.types[real], self.coord[real], None, labels)


@dataclass(frozen=True)
class System:
    """Frames of a fixed number of atoms; of one composition, or each of its own (mixed type).

    name: the path as it was given; type_map: what type indices refer to; labels: by name what every set has, read when
    it is asked for: energy (nframes,), force (nframes, natoms, 3), virial (nframes, 3, 3), atom_ener and atom_pref
    (nframes, natoms), fparam (nframes, nf), aparam (nframes, natoms, na); float64, in eV and A, the virial with the
    sign of the files, -dE/d(strain). dipole (nframes, 3), atomic_dipole (nframes, natoms, 3), polarizability
    (nframes, 3, 3), atomic_polarizability (nframes, natoms, 3, 3), in any unit.
    """

    name: str
    type_map: tuple[str, ...]
    labels: Labels = field(repr=False)
    _sets: tuple[Path, ...] = field(repr=False)
    _coord: Quantity = field(repr=False)
    _box: Quantity | None = field(repr=False)
    _types: np.ndarray | Quantity = field(repr=False)
    _translation: np.ndarray = field(repr=False)
    correction: Callable[[Frame], Frame] | None = field(default=None, repr=False)

    @cached_property
    def nframes(self) -> int:
        """Frames in all sets."""
        return sum(self._coord.counts)

    @property
    def natoms(self) -> int:
        """Atoms of a frame, virtual ones counted."""
        return self._coord.shape[0]

    @property
    def is_mixed(self) -> bool:
        """Whether frames differ in composition; then atoms of type -1 only fill up places."""
        return isinstance(self._types, Quantity)

    @property
    def is_periodic(self) -> bool:
        """Whether there are cells."""
        return self._box is not None

    @property
    def types(self) -> np.ndarray:
        """(nframes, natoms) int64, indices into `type_map`; -1 for virtual atoms."""
        if isinstance(self._types, Quantity):
            return self._translation[self._types.all()]
        return np.broadcast_to(self._translation[self._types], (self.nframes, self.natoms))

    @property
    def coord(self) -> np.ndarray:
        """(nframes, natoms, 3) float64, A, read afresh."""
        return self._coord.all()

    @property
    def cell(self) -> np.ndarray | None:
        """(nframes, 3, 3) float64, A, read afresh; None where nothing is periodic."""
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
        """All frames in order."""
        return (self.frame(index) for index in range(self.nframes))

    def require(self, *names: str) -> None:
        """Raises InputError, naming the first missing file, unless every set has these labels."""
        for name in names:
            if name not in self.labels:
                path = next(path for folder in self._sets if not (path := folder / f"{name}.npy").exists())
                raise InputError(f"There is no {path}, which is needed to train on {name}.")

    @property
    def folder(self) -> Path:
        """Folder of the sets."""
        return self._sets[0].parent

    @property
    def translation(self) -> np.ndarray:
        """(n,) int64, the index into `type_map` for each type number of the files."""
        return self._translation

    @property
    def raw_types(self) -> np.ndarray | Quantity:
        """Type numbers of the files: (natoms,) int64, or by frame in a mixed-type system."""
        return self._types

    def quantities(self) -> list[Quantity]:
        """Coordinates, cells and labels, as they lie in files."""
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


class Labels(Mapping[str, np.ndarray]):
    """Arrays by name, each read afresh when it is asked for."""

    def __init__(self, quantities: dict[str, Quantity]) -> None:
        self.quantities = quantities

    def __getitem__(self, name: str) -> np.ndarray:
        return self.quantities[name].all()

    def __iter__(self) -> Iterator[str]:
        return iter(self.quantities)

    def __len__(self) -> int:
        return len(self.quantities)

    def __contains__(self, name: object) -> bool:
        return name in self.quantities


def open_system(path: str | Path, type_map: Sequence[str] | None = None) -> System:
    """A system whose files fit together, whatever numbers they hold; see `read_system`.

    Raises InputError: no folder, no type.raw, no set.*, no coord.npy, no box.npy though there is no `nopbc`, arrays of
    a wrong shape, no frames, a type that is not in `type_map` or a type number that is in no map.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; a system is a folder with type.raw and set.*.")
    raw = read_types(folder)
    sets = find_sets(folder)
    counts = count_frames(sets, len(raw))
    _refuse_copies(sets)
    types = _real_types(sets, counts, len(raw))
    used = np.unique(raw) if types is None else _used(types)
    target, table = translation(folder, used, read_type_map(folder), type_map)
    coord = find_quantity(sets, counts, ["coord"], (len(raw), 3))
    box = find_quantity(sets, counts, ["box"], (3, 3))
    assert coord is not None  # its files were counted
    if (folder / "nopbc").exists():
        box = None
    elif box is None:
        missing = next(file for file in (each / "box.npy" for each in sets) if not file.exists())
        raise InputError(f"There is no {missing}; frames need a cell, or an empty file nopbc beside type.raw.")
    labels = Labels(_labels(sets, counts, len(raw)))
    return System(str(path), target, labels, tuple(sets), coord, box, raw if types is None else types, table)


def read_system(path: str | Path, type_map: Sequence[str] | None = None) -> System:
    """A system to learn from: opened, and all its numbers looked at once.

    type_map: of the model, which type indices then refer to; without it the system's own.

    Raises InputError: as `open_system`; numbers that are not finite, a cell of zero volume, or a cell or coordinates
    that no neighbour list can be made of.
    """
    system = open_system(path, type_map)
    system.check_numbers()
    return system


def _faults(name: str, rows: np.ndarray) -> dict[int, str]:
    if name == "box":
        return cell_faults(rows)
    if name == "coord":
        return coord_faults(rows)
    bad = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
    return dict.fromkeys(np.flatnonzero(bad).tolist(), NOT_FINITE)


def _labels(sets: Sequence[Path], counts: Sequence[int], natoms: int) -> dict[str, Quantity]:
    shapes: dict[str, tuple[int | None, ...]] = {
        "energy": (),
        "force": (natoms, 3),
        "virial": (3, 3),
        "atom_ener": (natoms,),
        "atom_pref": (natoms,),
        "dipole": (3,),
        "atomic_dipole": (natoms, 3),
        "polarizability": (3, 3),
        "atomic_polarizability": (natoms, 3, 3),
        "fparam": (None,),
        "aparam": (natoms, None),
    }
    found = {}
    for name, shape in shapes.items():
        short, long = name.replace("atomic_", "atom_"), name.replace("atom_", "atomic_")
        names = list(dict.fromkeys((name, short, long)))
        if (quantity := find_quantity(sets, counts, names, shape)) is not None:
            found[name] = quantity
    return found


def _real_types(sets: Sequence[Path], counts: Sequence[int], natoms: int) -> Quantity | None:
    types = find_quantity(sets, counts, ["real_atom_types"], (natoms,), np.int64)
    have = [(folder / "real_atom_types.npy").exists() for folder in sets]
    if any(have) and not all(have):
        missing = sets[have.index(False)] / "real_atom_types.npy"
        raise InputError(f"There is no {missing}; either all sets of a system are of mixed type or none.")
    return types


def _used(types: Quantity) -> np.ndarray:
    """The type numbers that occur in a mixed-type system, without -1."""
    is_used = np.zeros(LARGEST + 1, dtype=bool)
    exact = Quantity(types.name, types.files, types.counts, types.shape)
    for start, rows in exact.blocks():
        wrong = ~((rows >= -1) & (rows <= LARGEST) & (rows == np.floor(rows)))
        if wrong.any():
            frame, value = start + int(np.argwhere(wrong)[0, 0]), rows[wrong][0]
            raise InputError(
                f"{types.where(frame)} gives {value:g} as a type; types are whole numbers up to {LARGEST}, or -1 for "
                "no atom."
            )
        empty = np.flatnonzero((rows < 0).all(axis=1))
        if len(empty):
            raise InputError(f"{types.where(start + int(empty[0]))} has no atoms, only virtual ones (-1).")
        is_used[rows[rows >= 0].astype(np.int64)] = True
    return np.flatnonzero(is_used)


def _refuse_copies(sets: Sequence[Path]) -> None:
    for path in (folder / "numb_copy.npy" for folder in sets):
        if path.exists():
            raise InputError(f"{path} asks for frames to count several times, which is not supported; remove the file.")
