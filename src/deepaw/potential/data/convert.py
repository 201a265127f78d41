"""Labelled frames of other programs, divided and written as deepmd/npy."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from dpdata import LabeledSystem, MultiSystems
from dpdata.data_type import Axis

from deepaw.errors import InputError
from deepaw.outputfile import check_folder, disk_errors
from deepaw.potential.data.sources import read_frames


@dataclass(frozen=True)
class Written:
    """A system that was written: where, how many frames, and which labels they have, by the names of deepmd/npy."""

    path: Path
    nframes: int
    labels: tuple[str, ...]


def convert(
    inputs: Sequence[Path],
    output: Path,
    format_name: str | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    type_map: Sequence[str] | None = None,
) -> list[Written]:
    """Write `output/training/<formula>` and `output/validation/<formula>`, all of them or none.

    Frames of one composition make one system, unless only some of them have a cell, forces or a virial.
    validation_fraction: of all frames, chosen by the seed; of each system at least one frame is for training.
    type_map: the types of all systems; without it the elements as they come.

    Raises InputError: an input that cannot be read, an element that is not in `type_map`, a fraction outside [0, 1), an
    output folder that is not empty or cannot be written.
    """
    if not 0 <= validation_fraction < 1:
        raise InputError(f"The validation fraction is {validation_fraction:g}; it must be at least 0 and below 1.")
    check_new_folder(output)
    systems = gather([system for path in inputs for system in read_frames(path, format_name)], type_map)
    chosen = choose_frames([system.get_nframes() for system in systems.values()], validation_fraction, seed)
    written = []
    with _new_folder(output) as folder:
        for (name, system), held_back in zip(systems.items(), chosen, strict=True):
            every = np.arange(system.get_nframes())
            for part, frames in (("training", np.setdiff1d(every, held_back)), ("validation", held_back)):
                if len(frames):
                    _write(system.sub_system(frames), folder / part / name)
                    written.append(Written(output / part / name, len(frames), _labels(system)))
    return sorted(written, key=lambda each: each.path)


def check_new_folder(path: Path) -> None:
    """Raises InputError: there is something in the folder already, or it cannot be made."""
    check_folder(path)
    if path.exists() and any(path.iterdir()):
        raise InputError(f"The output folder {path} is not empty; give a new one.")


def gather(systems: Sequence[LabeledSystem], type_map: Sequence[str] | None) -> dict[str, LabeledSystem]:
    """One system for each composition, by its formula, all with the same types.

    Frames that differ in whether there is a cell or in their labels stay apart: their names end with _2, _3, ...

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
        known = kinds.setdefault((system.nopbc, _labels(system)), MultiSystems(type_map=list(names)))
        known.append(_without_absent_types(system))
    result: dict[str, LabeledSystem] = {}
    met: Counter[str] = Counter()
    for kind in kinds.values():
        for merged in kind.systems.values():
            counts = zip(merged.data["atom_names"], merged.data["atom_numbs"], strict=True)
            formula = "".join(f"{name}{count}" for name, count in counts if count)
            met[formula] += 1
            result[formula if met[formula] == 1 else f"{formula}_{met[formula]}"] = LabeledSystem(data=merged.data)
    return result


def choose_frames(counts: Sequence[int], fraction: float, seed: int) -> list[np.ndarray]:
    """Which frames of each system are held back, sorted: a `fraction` of them all, but never a whole system."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(count) for count in counts]
    spare = [(system, int(frame)) for system, order in enumerate(orders) for frame in order[1:]]
    wanted = round(fraction * sum(counts))
    if fraction > 0:
        wanted = max(wanted, 1)
    chosen: list[list[int]] = [[] for _ in counts]
    for index in random.permutation(len(spare))[:wanted]:
        system, frame = spare[index]
        chosen[system].append(frame)
    return [np.array(sorted(frames), dtype=np.int64) for frames in chosen]


def _labels(system: LabeledSystem) -> tuple[str, ...]:
    found = (
        kind.deepmd_name
        for kind in system.DTYPES
        if kind.name in system.data and kind.shape is not None and Axis.NFRAMES in kind.shape
    )
    return tuple(sorted(name for name in found if name not in ("coord", "box")))


def _without_absent_types(system: LabeledSystem) -> LabeledSystem:
    """Types that a file lists though no atom has them would otherwise enter the type map."""
    used = [index for index, count in enumerate(system.data["atom_numbs"]) if count]
    data: dict[str, Any] = dict(system.data)
    data["atom_names"] = [system.data["atom_names"][index] for index in used]
    data["atom_numbs"] = [system.data["atom_numbs"][index] for index in used]
    data["atom_types"] = np.searchsorted(used, system.data["atom_types"])
    return LabeledSystem(data=data)


def _write(system: LabeledSystem, folder: Path) -> None:
    system.to("deepmd/npy", str(folder), set_size=max(system.get_nframes(), 1), prec=np.float64)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, which takes its place when the block ends without an error."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with disk_errors(path):
            temporary.mkdir()
            yield temporary
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
