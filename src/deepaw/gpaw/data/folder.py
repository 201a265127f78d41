"""Folder of a data set, to which structures are added one by one.

settings.json                 how all of them are calculated
structures.extxyz             frames with energy, forces and stress
density/<name>.npz            `density`
augmentation/<name>.npz       `D0`, `D1`, ...
setups/setup-<element>.npz    PAW setups
failures.txt                  names of structures that failed in the latest run, and why

A structure is in structures.extxyz once its arrays are written, so whatever ends a run, the frames in the file are
complete and the rest is calculated again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.errors import InputError
from deepaw.gpaw.data.calculation import Labels
from deepaw.gpaw.data.lock import LOCK
from deepaw.gpaw.data.settings import DataSettings
from deepaw.gpaw.frametext import as_extxyz, read_frame_texts, write_frame_texts
from deepaw.outputfile import check_folder, disk_errors, output_file

STRUCTURES, SETTINGS, FAILURES = "structures.extxyz", "settings.json", "failures.txt"
DENSITY, AUGMENTATION, SETUPS = "density", "augmentation", "setups"

SAME_POSITION = 1e-5
"""A; positions and cell vectors of a frame and of the structure it is of differ by less."""


class DataFolder:
    """A new or an earlier folder.

    Raises InputError: a folder with other files, with other settings, or one that is not complete.
    """

    def __init__(self, path: Path, settings: DataSettings) -> None:
        check_folder(path)
        self.path = path
        if (path / SETTINGS).is_file():
            _check_settings(path / SETTINGS, settings)
        elif path.exists() and any(entry.name != LOCK for entry in path.iterdir()):
            raise InputError(
                f"{path} has files but no {SETTINGS}, so it is not a data folder that deepaw data gpaw began; give the "
                "name of a new folder."
            )
        self._texts: list[str] = []
        self._frames: dict[str, Atoms] = {}
        self._read_frames()
        with disk_errors(path):
            for folder in (path, path / DENSITY, path / AUGMENTATION, path / SETUPS):
                folder.mkdir(exist_ok=True)
        for unfinished in path.rglob(".*.part"):  # of a run that was killed while it wrote
            unfinished.unlink(missing_ok=True)
        with output_file(path / SETTINGS) as temporary:
            temporary.write_text(json.dumps(asdict(settings), indent=2) + "\n")

    def __len__(self) -> int:
        return len(self._frames)

    def has(self, name: str, atoms: Atoms) -> bool:
        """Whether the structure called `name` is there. Raises InputError where that is another structure."""
        frame = self._frames.get(name)
        if frame is None:
            return False
        same = list(frame.numbers) == list(atoms.numbers) and all(
            np.allclose(one, other, rtol=0, atol=SAME_POSITION)
            for one, other in ((frame.positions, atoms.positions), (frame.cell.array, atoms.cell.array))
        )
        if not same:
            raise InputError(
                f"{self.path / STRUCTURES} has another structure called {name}; give the new one another name, or "
                "write into another folder."
            )
        return True

    def add(self, labels: Labels) -> None:
        """Write all of a structure, its frame last. Raises InputError: a setup other than that of earlier ones."""
        name = str(labels.frame.info["name"])
        for symbol, arrays in labels.setups.items():
            self._add_setup(symbol, arrays)
        _write_arrays(self.path / DENSITY / f"{name}.npz", {"density": labels.density})
        matrices: dict[str, NDArray] = {f"D{atom}": matrix for atom, matrix in enumerate(labels.occupancies)}
        matrices["energy"] = np.array(labels.frame.get_potential_energy())
        _write_arrays(self.path / AUGMENTATION / f"{name}.npz", matrices)
        self._texts.append(as_extxyz(labels.frame))
        self._frames[name] = labels.frame
        write_frame_texts(self.path / STRUCTURES, self._texts)

    def write_failures(self, failures: Mapping[str, str]) -> None:
        """Write the list of failures, or remove that of an earlier run where there are none."""
        path = self.path / FAILURES
        if not failures:
            path.unlink(missing_ok=True)
            return
        with output_file(path) as temporary:
            temporary.write_text("".join(f"{name}: {reason}\n" for name, reason in failures.items()))

    def _read_frames(self) -> None:
        path = self.path / STRUCTURES
        if not path.is_file():
            return
        try:
            for text, frame in read_frame_texts(path):
                self._texts.append(text)
                self._frames[str(frame.info["name"])] = frame
        except Exception:  # of all kinds, for files that are something else
            raise InputError(
                f"{path} is not an extxyz file of named frames, or is cut short; put back a whole one, or remove it to "
                "calculate all structures again."
            ) from None
        for name in self._frames:
            for folder in (DENSITY, AUGMENTATION):
                file = self.path / folder / f"{name}.npz"
                if not file.is_file():
                    raise InputError(
                        f"{path} has a frame {name} but there is no {file}; put the file back, or remove the frame to "
                        "have the structure calculated again."
                    )

    def _add_setup(self, symbol: str, arrays: Mapping[str, NDArray]) -> None:
        path = self.path / SETUPS / f"setup-{symbol}.npz"
        if not path.is_file():
            _write_arrays(path, arrays)
            return
        with np.load(path, allow_pickle=False) as earlier:
            before = str(earlier["fingerprint"])
        if before != str(arrays["fingerprint"]):
            raise InputError(
                f"{path} is the setup {before} of {symbol}, and GPAW now uses {arrays['fingerprint']}; a data set must "
                "be calculated with one."
            )


def _check_settings(path: Path, settings: DataSettings) -> None:
    try:
        before = json.loads(path.read_text())
        differing = [key for key, value in asdict(settings).items() if before[key] != value]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is not what deepaw data gpaw wrote there; give the name of a new folder.") from None
    if differing:
        key = differing[0]
        raise InputError(
            f"{path} has {key} = {before[key]}, and --{key} is {asdict(settings)[key]}; a data set must be calculated "
            "alike, so use the same or another folder."
        )


def _write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    with output_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
