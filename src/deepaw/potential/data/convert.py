"""Conversion of labelled frames of other programs to deepmd/npy or HDF5, divided into training and validation data."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from dpdata import LabeledSystem, MultiSystems
from dpdata.data_type import Axis

from deepaw.errors import InputError
from deepaw.outputfile import check_folder, check_output, disk_errors, output_file
from deepaw.potential.data.hdf5 import HDF5Path, SystemPath
from deepaw.potential.data.sources import read_frames

HDF5_SUFFIXES = (".hdf5", ".h5")
"""Suffixes of files that take all systems, each as a group."""


@dataclass(frozen=True)
class WrittenSystem:
    """A system that was written: its place, number of frames, and labels by their names in deepmd/npy."""

    path: SystemPath
    nframes: int
    labels: tuple[str, ...]


def convert(
    inputs: Sequence[Path],
    output: Path,
    format_name: str | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    type_map: Sequence[str] | None = None,
) -> list[WrittenSystem]:
    """Write the frames of `inputs` to `output/training/<formula>` and `output/validation/<formula>`, all or none.

    Frames of one composition make one system, unless only some of them have a cell, forces or a virial.

    output: a new folder, or a new HDF5 file (.hdf5, .h5), which then has these as groups. validation_fraction:
    fraction of all frames held back, chosen by the seed; at least one frame of each system is for training. type_map:
    the types of all systems; by default the elements in order of appearance.

    Raises InputError: an input that cannot be read, an element that is not in `type_map`, a fraction outside [0, 1), an
    output folder that is not empty, an output file that is there already, or one that cannot be written.
    """
    if not 0 <= validation_fraction < 1:
        raise InputError(f"The validation fraction is {validation_fraction:g}; it must be at least 0 and below 1.")
    is_file = output.suffix in HDF5_SUFFIXES and not output.is_dir()
    if is_file:
        check_output(output)
        if output.exists():
            raise InputError(f"The output file {output} is there already; give a new one.")
    else:
        check_new_folder(output)
    systems = gather([system for path in inputs for system in read_frames(path, format_name)], type_map)
    chosen = choose_frames([system.get_nframes() for system in systems.values()], validation_fraction, seed)
    root = HDF5Path(output) if is_file else output
    written = []
    with output_file(output) if is_file else _new_folder(output) as place:
        for (name, system), held_back in zip(systems.items(), chosen, strict=True):
            rest = np.setdiff1d(np.arange(system.get_nframes()), held_back)
            for part, frames in (("training", rest), ("validation", held_back)):
                if len(frames):
                    _write(system.sub_system(frames), (HDF5Path(place) if is_file else place) / part / name)
                    written.append(WrittenSystem(root / part / name, len(frames), _labels(system)))
    return sorted(written, key=lambda system: str(system.path))


def check_new_folder(path: Path) -> None:
    """Check that a folder is empty or can be made. Raises InputError: it holds something, or it cannot be made."""
    check_folder(path)
    if path.exists() and any(path.iterdir()):
        raise InputError(f"The output folder {path} is not empty; give a new one.")


def gather(systems: Sequence[LabeledSystem], type_map: Sequence[str] | None) -> dict[str, LabeledSystem]:
    """Merge systems of the same composition; all results have the same types. Returns them by formula.

    Frames with and without a cell, or with different labels, are not merged: further systems of a formula are named
    <formula>_2, <formula>_3, ...

    Raises InputError: an element that is not in `type_map`.
    """
    present = dict.fromkeys(
        name
        for system in systems
        for name, count in zip(system.data["atom_names"], system.data["atom_numbs"], strict=True)
        if count
    )
    for name in present:
        if type_map is not None and name not in type_map:
            raise InputError(f"There are atoms of type {name}, which is not in the type map {' '.join(type_map)}.")
    names = list(type_map or present)
    kinds: dict[tuple[bool, tuple[str, ...]], MultiSystems] = {}
    for system in systems:
        alike = kinds.setdefault((system.nopbc, _labels(system)), MultiSystems(type_map=list(names)))
        alike.append(_without_absent_types(system))
    result: dict[str, LabeledSystem] = {}
    occurrences: Counter[str] = Counter()
    for kind in kinds.values():
        for merged in kind.systems.values():
            counts = zip(merged.data["atom_names"], merged.data["atom_numbs"], strict=True)
            formula = "".join(f"{name}{count}" for name, count in counts if count)
            occurrences[formula] += 1
            name = formula if occurrences[formula] == 1 else f"{formula}_{occurrences[formula]}"
            result[name] = LabeledSystem(data=merged.data)
    return result


def choose_frames(counts: Sequence[int], fraction: float, seed: int) -> list[np.ndarray]:
    """Choose a `fraction` of all frames to hold back, never a whole system. Returns sorted indices for each system."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(count) for count in counts]
    spare = [(system, int(frame)) for system, order in enumerate(orders) for frame in order[1:]]
    number = round(fraction * sum(counts))
    if fraction > 0:
        number = max(number, 1)
    chosen: list[list[int]] = [[] for _ in counts]
    for index in random.permutation(len(spare))[:number]:
        system, frame = spare[index]
        chosen[system].append(frame)
    return [np.array(sorted(frames), dtype=np.int64) for frames in chosen]


def _labels(system: LabeledSystem) -> tuple[str, ...]:
    names = (
        kind.deepmd_name
        for kind in system.DTYPES
        if kind.name in system.data and kind.shape is not None and Axis.NFRAMES in kind.shape
    )
    return tuple(sorted(name for name in names if name not in ("coord", "box")))


def _without_absent_types(system: LabeledSystem) -> LabeledSystem:
    """Remove types that a file lists although no atom has them, so that they do not enter the type map."""
    used = [index for index, count in enumerate(system.data["atom_numbs"]) if count]
    data: dict[str, Any] = dict(system.data)
    data["atom_names"] = [system.data["atom_names"][index] for index in used]
    data["atom_numbs"] = [system.data["atom_numbs"][index] for index in used]
    data["atom_types"] = np.searchsorted(used, system.data["atom_types"])
    return LabeledSystem(data=data)


def _write(system: LabeledSystem, place: SystemPath) -> None:
    options = {"set_size": max(system.get_nframes(), 1), "prec": np.float64}
    if isinstance(place, Path):
        system.to("deepmd/npy", str(place), **options)
        return
    with h5py.File(place.file, "a") as file:
        system.to("deepmd/hdf5", file.create_group(str(place.inside)), comp_prec=np.float64, **options)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, which takes its place when the block ends without an error."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with disk_errors(path):
            temporary.mkdir()
            yield temporary
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
