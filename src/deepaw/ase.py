"""Trained potentials as calculators of ASE.

from deepaw.ase import DeepPotCalculator

atoms.calc = DeepPotCalculator("water.safetensors")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from deepaw.errors import InputError
from deepaw.modelsource import open_model
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.frames import read_frames
from deepaw.potential.exact import Evaluation
from deepaw.potential.files.formats import read_potential
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.typemap import type_indices
from deepaw.potential.typenames import has_names
from deepaw.structure.checks import check_geometry

__all__ = ["DeepPotCalculator"]

SKIN = 1.0
"""A; how much further than the cutoff neighbour lists reach, unless said otherwise."""


class DeepPotCalculator(Calculator):
    """energy, free_energy (the same), energies of atoms, forces and, where the cell has a volume, stress.

    Periodic along all, some or none of the cell vectors. Parameters that the model takes are read from
    `atoms.info`: "fparam" (numb_fparam,) and "aparam" (natoms, numb_aparam), or (numb_aparam,) for all atoms.

    model: a file (.safetensors, .dp, .yaml, .pb, or a .pt checkpoint), or a model. precision: float64, float32 or
    exact. skin: A; a neighbour list is kept until an atom has moved by half of it. type_dict: the number of the type
    that stands for each symbol; without it, the symbols are the names in the model's type map. options: of ASE's
    Calculator, such as label.

    Can be copied, one for each image of a band, and pickled: copies share the model, and a pickle holds the path and
    SHA-256 of the model's file, not the model.

    Raises InputError: what reading the file raises; no such precision; a type_dict with a number that is no type, or
    none for a model whose types have no names.
    `calculate` raises it for an element that the model does not know, coordinates or a cell that no neighbour list can
    be made of, two atoms on one spot, and parameters that are missing or of the wrong number.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012

    def __init__(
        self,
        model: str | Path | PotentialModel,
        *,
        precision: str = "float64",
        skin: float = SKIN,
        type_dict: Mapping[str, int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        loaded, source = (model, None) if isinstance(model, PotentialModel) else open_model(model, read_potential)
        if not 0 <= skin < float("inf"):
            raise InputError(f"skin is {skin:g} A; it should be 0 or more.")
        for symbol, kind in (type_dict or {}).items():
            if kind not in range(len(loaded.type_map)):
                raise InputError(f"type_dict gives {symbol} the type {kind}; the model has {len(loaded.type_map)}.")
        if type_dict is None and not has_names(loaded.type_map):
            raise InputError(
                f"the {len(loaded.type_map)} types of the model are numbers without names; give type_dict, such as "
                "type_dict={'O': 0, 'H': 1}, or name them with 'deepaw convert --type-map'."
            )
        self._engine = PotentialEngine(loaded, precision, skin=skin, source=source)
        self._type_dict = type_dict
        self._given: dict[str, Any] = {}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """All properties at once, whichever are asked for; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms if atoms is None else atoms
        assert atoms is not None  # ASE sees to it
        check_geometry(atoms)
        types = self._types(atoms)
        self._given = {name: None if value is None else np.array(value) for name, value in _parameters(atoms).items()}
        frames = read_frames(self._engine.model, atoms.positions, None, types, **self._given)
        cell = atoms.cell.array * atoms.pbc[:, None] if atoms.pbc.any() else None
        self._store(self._engine.evaluate(replace(frames.frame(0, atoms.pbc), cell=cell)), atoms)

    def _store(self, evaluation: Evaluation, atoms: Atoms) -> None:
        """Set `results`."""
        energy = float(evaluation.energy)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": evaluation.atom_energy.numpy(),
            "forces": evaluation.force.numpy(),
        }
        if atoms.pbc.any() and atoms.cell.rank == 3:
            virial = evaluation.virial.numpy()
            self.results["stress"] = full_3x3_to_voigt_6_stress(-0.5 * (virial + virial.T) / atoms.get_volume())

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation, parameters included; called by ASE."""
        changes: list[str] = super().check_state(atoms, tol)
        given = _parameters(atoms)
        if not changes and not all(_same(given[name], used) for name, used in self._given.items()):
            changes.append("info")
        return changes

    def _types(self, atoms: Atoms) -> np.ndarray:
        symbols = atoms.get_chemical_symbols()
        if self._type_dict is None:
            return np.array(type_indices(symbols, self._engine.model.type_map))
        known = list(self._type_dict)
        return np.array([self._type_dict[known[index]] for index in type_indices(symbols, known)])


def _parameters(atoms: Atoms) -> dict[str, Any]:
    return {name: atoms.info.get(name) for name in ("fparam", "aparam")}


def _same(given: Any, used: np.ndarray | None) -> bool:
    return given is None if used is None else given is not None and np.array_equal(given, used)
