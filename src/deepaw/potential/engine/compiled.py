"""Evaluation of energies by the compiled library: the tiles of `PotentialEngine` in one call."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.modelfile import PREPARED, ModelFile, model_bytes
from deepaw.native.library import EnergyResultStruct, address, find_library
from deepaw.potential.engine.block import Block
from deepaw.potential.engine.prepared import VERSION, form_settings, refusal, shared_settings
from deepaw.potential.exact import Evaluation
from deepaw.potential.model.atomic import KIND
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.celllist import NeighbourList

PIECE = 65_536
"""Atoms of one call where progress is reported."""


class CompiledEvaluator:
    """Evaluation of energies, forces and virials of atoms sorted by type (`deepaw_evaluate_sorted`).

    blocks: of the engine, in the numbers of `precision`; what the library computes is what they compute.
    """

    def __init__(self, library: ctypes.CDLL, model: PotentialModel, blocks: Sequence[Block], precision: str) -> None:
        self._library = library
        settings, tensors = shared_settings(model)
        form, form_tensors = form_settings(model, blocks)
        tensors |= {f"0.{name}": tensor for name, tensor in form_tensors.items()}
        prepared = {
            "version": VERSION,
            **settings,
            "forms": [{"precision": precision, "covers": 0.0, **form}],
            "aliases": {},
        }
        file = ModelFile(
            KIND,
            {"model": {}, "closest": None, "prepared": prepared},
            {PREPARED + name: tensor.clone() for name, tensor in tensors.items()},
        )
        content = model_bytes(file)
        handle = library.deepaw_open_bytes(content, len(content), 64 if precision == "float64" else 32)
        if not handle:
            raise RuntimeError(library.deepaw_error().decode())
        self._handle = handle
        weakref.finalize(self, library.deepaw_close, handle)

    def evaluate(
        self,
        neighbours: NeighbourList,
        parameters: Tensor | None,
        atomic_virial: bool,
        progress: Callable[[int, int], None] | None,
    ) -> Evaluation:
        """Evaluate the atoms of a list of the compiled library.

        parameters: (natoms, ...), as of `FittingNets.normalised_parameters`, or None.

        Raises InputError: atoms closer than the first distance of a table of pair energies.
        """
        natoms = neighbours.natoms
        types = neighbours.types.to(torch.int32)
        rows = None if parameters is None else parameters.double().contiguous()
        force, virial, atom_energy = (
            torch.zeros(*shape, dtype=torch.float64) for shape in ((natoms, 3), (3, 3), (natoms,))
        )
        atom_virial = torch.zeros(natoms, 3, 3, dtype=torch.float64) if atomic_virial else None
        result = EnergyResultStruct(None, address(force), address(virial), address(atom_energy), address(atom_virial))
        piece = natoms if progress is None else PIECE
        for first in range(0, natoms, max(1, piece)):
            last = min(first + piece, natoms)
            if self._library.deepaw_evaluate_sorted(
                self._handle,
                neighbours.handle,
                natoms,
                address(types),
                address(rows),
                first,
                last,
                torch.get_num_threads(),
                result,
            ):
                raise InputError(self._library.deepaw_error().decode())
            if progress is not None:
                progress(last, natoms)
        return Evaluation(atom_energy.sum(), force, virial, atom_energy, atom_virial)


def make_compiled_evaluator(model: PotentialModel, blocks: Sequence[Block], precision: str) -> CompiledEvaluator | None:
    """Return the compiled evaluation of a model, or None where there is no library, or none that evaluates it."""
    library = find_library()
    if library is None or refusal(model) is not None:
        return None
    return CompiledEvaluator(library, model, blocks, precision)
