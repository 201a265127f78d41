"""Deviation between the predictions of several models for the same frames, by DeePMD-kit's definitions.

For forces F_k of models k = 1 ... n, the deviation of atom i is the root of the variance of its force,

    sigma_i = sqrt(mean_k |F_k,i - mean_k F_k,i|^2),

and that of a reference takes the place of the mean where there is one. Energies and virials are those per atom.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.outputfile import output_file

COLUMNS = ("max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f", "devi_e")
"""Columns of a table of deviations after that of the step."""


class EnergyModel(Protocol):
    """Interface to a model of energies, such as `deepaw.infer.DeepPot`."""

    def get_type_map(self) -> list[str]: ...

    def eval(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> tuple[np.ndarray, ...]: ...


def calc_model_devi(
    coord: ArrayLike,
    box: ArrayLike | None,
    atype: ArrayLike,
    models: Sequence[EnergyModel],
    fname: str | Path | None = None,
    frequency: int = 1,
    mixed_type: bool = False,
    fparam: ArrayLike | None = None,
    aparam: ArrayLike | None = None,
    real_data: Mapping[str, ArrayLike] | None = None,
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
) -> np.ndarray:
    """Compute the deviation between models for frames, (nframes, 8): the step and the columns of `COLUMNS`.

    With `atomic` the deviation of the force of each atom follows, (nframes, 8 + natoms). Units are eV, A and eV/A;
    energies and virials are divided by the number of atoms, virtual ones counted. Arguments and results are those of
    DeePMD-kit's function of this name.

    coord, box, atype, mixed_type, fparam, aparam: as for `DeepPot.eval`.
    models: two or more with the same type map, or one or more with `real_data`.
    fname: file to write the table to, in place of what it holds.
    frequency: steps between frames.
    real_data: energy (nframes, 1), eV/atom, force (nframes, natoms, 3), eV/A, and virial (nframes, 9), eV/atom, whose
        root mean square errors are computed instead.
    relative, relative_v: levels, eV/A and eV/atom; deviations are divided by the magnitude plus this.

    Raises InputError: no models, models with different types, or any error of `DeepPot.eval`.
    """
    check_models(models)
    predictions = [
        model.eval(coord, box, atype, fparam=fparam, aparam=aparam, mixed_type=mixed_type) for model in models
    ]
    natoms = predictions[0][1].shape[1]
    table = deviation_table(
        np.stack([energy / natoms for energy, _, _ in predictions]),
        np.stack([force for _, force, _ in predictions]),
        np.stack([virial / natoms for _, _, virial in predictions]),
        reference={name: np.asarray(values, dtype=np.float64) for name, values in (real_data or {}).items()},
        frequency=frequency,
        atomic=atomic,
        relative=relative,
        relative_v=relative_v,
    )
    if fname is not None:
        write_tables(fname, [("", table)])
    return table


def check_models(models: Sequence[EnergyModel]) -> None:
    """Raise InputError unless there are models and their type maps are equal."""
    if not models:
        raise InputError("There are no models to compare; give two or more.")
    maps = [" ".join(model.get_type_map()) for model in models]
    for number, names in enumerate(maps, start=1):
        if names != maps[0]:
            raise InputError(f"model {number} has the types {names} and the first {maps[0]}; they should agree.")


def deviation_table(
    energies: np.ndarray,
    forces: np.ndarray,
    virials: np.ndarray,
    *,
    reference: Mapping[str, np.ndarray],
    frequency: int = 1,
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
) -> np.ndarray:
    """Compute the table of `calc_model_devi` from predictions.

    energies: (nmodels, nframes, 1), eV/atom. forces: (nmodels, nframes, natoms, 3), eV/A. virials: (nmodels, nframes,
    9), eV/atom. reference: empty, or as `real_data`. Other arguments: as for `calc_model_devi`.
    """
    force = np.linalg.norm(component_deviations(forces, reference.get("force")), axis=-1)
    if relative is not None:
        force /= np.linalg.norm(reference.get("force", forces.mean(axis=0)), axis=-1) + relative
    virial = component_deviations(virials, reference.get("virial"))
    if relative_v is not None:
        virial /= np.linalg.norm(reference.get("virial", virials.mean(axis=0)), axis=-1, keepdims=True) + relative_v
    columns = [
        np.arange(len(force)) * frequency,
        *(virial.max(axis=-1), virial.min(axis=-1), np.linalg.norm(virial, axis=-1) / 3),
        *(force.max(axis=-1), force.min(axis=-1), force.mean(axis=-1)),
        component_deviations(energies, reference.get("energy"))[:, 0],
    ]
    return np.column_stack([*columns, *([force] if atomic else [])])


def component_deviations(predictions: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Compute the standard deviation over models of each component, or the root mean square error with a reference.

    predictions: (nmodels, ...). reference: (...). Returns (...).
    """
    centre = predictions.mean(axis=0) if reference is None else reference.reshape(predictions.shape[1:])
    return np.sqrt(np.square(predictions - centre).mean(axis=0))


def write_tables(path: str | Path, tables: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write tables, each below a comment with the name of its system and the names of its columns.

    Raises InputError: the file cannot be written.
    """
    content = io.StringIO()
    for system, table in tables:
        is_atomic = table.shape[1] > 1 + len(COLUMNS)
        names = "".join(f"{name:19s}" for name in (*COLUMNS, *(["atm_devi_f(N)"] if is_atomic else [])))
        formats = ["%12d"] + ["%19.6e"] * (table.shape[1] - 1)
        np.savetxt(content, table, fmt=formats, delimiter="", header=f"{system}\n{'step':10s}{names}")
    with output_file(path) as temporary:
        temporary.write_text(content.getvalue(), encoding="utf-8")
