"""`deepaw test` of a potential: what is computed, written and printed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from deepaw.errors import InputError

if TYPE_CHECKING:
    from deepaw.potential.data.hdf5 import SystemPath
    from deepaw.potential.data.system import System
    from deepaw.potential.evaluation.compare import Errors, Quantity

WIDTH = 200
"""Columns of text where the output is not a terminal, which would have a width of its own."""

COLUMNS: dict[str, Quantity] = {
    "energy, eV": "energy",
    "eV/atom": "energy_per_atom",
    "force, eV/A": "force",
    "virial, eV": "virial",
    "eV/atom ": "virial_per_atom",
    "atomic energy, eV": "atomic_energy",
    "dipole": "dipole",
    "atomic dipole": "atomic_dipole",
    "polarizability": "polarizability",
    "atomic polarizability": "atomic_polarizability",
}

NOTE = "RMSE, then MAE. In the line of all of them every frame, and every component of it, counts once."

SPREAD = "The last line is the root mean square deviation of the labels from their mean; units are those of the labels."


@dataclass(frozen=True)
class FrameChoice:
    """Frames of each system to test on: the first `most`, or as many random ones; all if None.

    seed: for random ones, or None for others every time.
    """

    most: int | None
    shuffle: bool = False
    seed: int | None = None

    def generator(self) -> np.random.Generator | None:
        """Return the generator of random numbers, if frames are shuffled."""
        return np.random.default_rng(self.seed) if self.shuffle else None


def test_potential(
    model: Path,
    folders: Sequence[SystemPath],
    frames: FrameChoice,
    prefix: Path | None,
    precision: str,
    atomic: bool,
) -> None:
    """Compare, write PREFIX.*.out and PREFIX.png, and print a line for each system and one for all.

    folders: of systems. atomic: compare energies of atoms, too; atomic tensors are compared wherever they are labelled.
    """
    from deepaw.cli.progress import LateProgress
    from deepaw.outputfile import check_output
    from deepaw.potential.data.system import read_system
    from deepaw.potential.engine.engine import PotentialEngine
    from deepaw.potential.engine.tensors import TensorEngine
    from deepaw.potential.evaluation.compare import (
        Errors,
        compare,
        label_request,
        labelled_quantities,
        predicted_quantities,
    )
    from deepaw.potential.evaluation.details import DetailFiles, detail_paths
    from deepaw.potential.evaluation.picture import ParitySample, write_picture
    from deepaw.potential.files.formats import read_model
    from deepaw.potential.model.energy import PotentialModel
    from deepaw.potential.model.tensor import TensorModel

    loaded = read_model(model)
    picture = None if prefix is None else prefix.with_name(prefix.name + ".png")
    if prefix is not None and picture is not None:
        for file in (*detail_paths(prefix, predicted_quantities(loaded, atomic)).values(), picture):
            check_output(file)
    engine: PotentialEngine | TensorEngine
    if isinstance(loaded, TensorModel):
        engine = TensorEngine(loaded, precision)
    else:
        assert isinstance(loaded, PotentialModel)
        engine = PotentialEngine(loaded, precision)
    request = label_request(loaded, atomic)
    opened = [read_system(path, loaded.type_map, request) for path in folders]
    quantities = labelled_quantities(loaded, opened, atomic)
    if atomic and isinstance(loaded, PotentialModel) and "atomic_energy" not in quantities:
        raise InputError(f"{opened[0].name} has no atom_ener.npy, which --atomic compares with.")
    errors = [Errors() for _ in opened]
    sample = ParitySample()
    details = None if prefix is None else DetailFiles(prefix, quantities)
    with LateProgress("atoms") as progress, details or nullcontext():
        started = -1
        for number, comparison in compare(engine, opened, frames.most, progress, frames.generator()):
            errors[number].add(comparison)
            if details is not None:
                if number != started:
                    details.start(opened[number].name)
                    started = number
                details.add(comparison)
                sample.add(comparison)
    overall = sum(errors, Errors())
    _print(opened, errors, overall, predicted_quantities(loaded, atomic))
    if prefix is not None and picture is not None:
        write_picture(picture, sample, overall)
        written = [file.name for file in detail_paths(prefix, quantities).values()]
        print(f"Written in {prefix.parent}: {', '.join([*written, picture.name])}")


def find_test_systems(
    systems: Sequence[str], listing: Path | None, training_of: Path | None, validation_of: Path | None
) -> list[SystemPath]:
    """Return the folders, or groups of HDF5 files, of all systems to test on.

    systems: folders of deepmd/npy or HDF5 files, searched. listing: a file with more of them, one a line. training_of,
    validation_of: input files whose training or validation data are meant.

    Raises InputError: there are none, or none where there should be.
    """
    from deepaw.potential.data.find import find_systems, read_listing
    from deepaw.potential.input import read_potential_input

    names = [*systems, *([] if listing is None else read_listing(listing))]
    folders = find_systems(names) if names else []
    for path, part in ((training_of, "training_data"), (validation_of, "validation_data")):
        if path is not None:
            section = getattr(read_potential_input(path).training, part)
            if section is None:
                raise InputError(f"{path} has no training.{part} to test on.")
            folders += find_systems(section.systems, path.parent, section.rglob_patterns)
    if not folders:
        raise InputError("There are no systems to test on; give folders of deepmd/npy with -s, or a list with -f.")
    return folders


def _print(
    systems: Sequence[System], errors: Sequence[Errors], overall: Errors, quantities: Sequence[Quantity]
) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDTH)
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("system", "frames", "atoms"):
        table.add_column(heading, justify="left" if heading == "system" else "right")
    for heading, name in COLUMNS.items():
        if name in quantities:
            table.add_column(heading, justify="right", no_wrap=True)
    for system, each in zip(systems, errors, strict=True):
        table.add_row(system.name, f"{each.frames:,}", f"{system.natoms:,}", *_figures(each, quantities))
    table.add_section()
    table.add_row("all", f"{overall.frames:,}", "", *_figures(overall, quantities))
    has_units = "energy" in quantities
    if not has_units:
        deviations = [overall.reference_deviation(name) for name in quantities]
        table.add_row("labels", "", "", *("-" if value is None else f"{value:.4e}" for value in deviations))
    console.print(table)
    console.print()
    console.print(NOTE if has_units else f"{NOTE} {SPREAD}")


def _figures(errors: Errors, quantities: Sequence[Quantity]) -> list[str]:
    cells = []
    for name in quantities:
        rmse, mae = errors.rmse(name), errors.mae(name)
        cells.append("-" if rmse is None or mae is None else f"{rmse:.4e} {mae:.4e}")
    return cells
