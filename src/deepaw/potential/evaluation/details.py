"""Detail files: references and predictions of every frame as text, in DeePMD-kit's columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TextIO

import numpy as np

from deepaw.outputfile import output_file
from deepaw.potential.evaluation.compare import FrameComparison, Quantity

SUFFIXES: dict[Quantity, str] = {
    "energy": ".e.out",
    "energy_per_atom": ".e_peratom.out",
    "force": ".f.out",
    "virial": ".v.out",
    "virial_per_atom": ".v_peratom.out",
    "atomic_energy": ".atomic_energy.out",
    "dipole": ".dipole.out",
    "atomic_dipole": ".atomic_dipole.out",
    "polarizability": ".polarizability.out",
    "atomic_polarizability": ".atomic_polarizability.out",
}

_VIRIAL = [f"v{row}{column}" for row in "xyz" for column in "xyz"]
_POLARIZABILITY = [f"p{row}{column}" for row in "xyz" for column in "xyz"]
_COLUMNS: dict[Quantity, list[str]] = {
    "energy": ["e"],
    "energy_per_atom": ["e"],
    "force": ["fx", "fy", "fz"],
    "virial": _VIRIAL,
    "virial_per_atom": _VIRIAL,
    "atomic_energy": ["e"],
    "dipole": list("xyz"),
    "atomic_dipole": list("xyz"),
    "polarizability": _POLARIZABILITY,
    "atomic_polarizability": _POLARIZABILITY,
}


def detail_paths(prefix: Path, quantities: Sequence[Quantity]) -> dict[Quantity, Path]:
    """Return the paths of the detail files: PREFIX.e.out and so on."""
    return {name: prefix.with_name(prefix.name + SUFFIXES[name]) for name in quantities}


class DetailFiles:
    """Context manager that writes one file for each quantity; the files appear if the block ends without an error.

    A row has the components of the reference and then those of the prediction. Each system begins with a comment.
    Raises InputError if a file cannot be written.
    """

    def __init__(self, prefix: Path, quantities: Sequence[Quantity]) -> None:
        self._paths = detail_paths(prefix, quantities)
        self._stack = ExitStack()
        self._files: dict[Quantity, TextIO] = {}

    def __enter__(self) -> DetailFiles:
        with self._stack:
            for name, path in self._paths.items():
                temporary = self._stack.enter_context(output_file(path))
                self._files[name] = self._stack.enter_context(temporary.open("w", encoding="utf-8"))
            self._stack = self._stack.pop_all()
        return self

    def start(self, system: str) -> None:
        """Begin a system: write its name and the names of the columns as a comment."""
        for name, file in self._files.items():
            columns = [f"{source}_{column}" for source in ("data", "pred") for column in _COLUMNS[name]]
            file.write(f"# {system}: {' '.join(columns)}\n")

    def add(self, comparison: FrameComparison) -> None:
        """Write the rows of one frame."""
        for name, pair in comparison.pairs.items():
            if name in self._files:
                np.savetxt(self._files[name], np.concatenate(pair, axis=1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)
