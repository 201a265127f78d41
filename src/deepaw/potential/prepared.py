"""Prepared form of a model: what the engine works out once per model, for programs that only read it (libdeepaw).

A native file has it under the key `prepared` of its metadata and in tensors whose names begin with `prepared.`; the
reader is `native/src/model/`. For each precision there are two forms, for distances between atoms from COVERED and from
SHORTEST on. Each consists of the parts of the descriptor (settings of the pair operator, or of the basis of dot
products) and, for each type of atom, the folded projections and the layers of the fitting net.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from deepaw.modelfile import PREPARED
from deepaw.potential.engine.base import COVERED, SHORTEST, Engine
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.precision import BUDGETS
from deepaw.potential.engine.prepared import VERSION, Tensors, form_settings, refusal, shared_settings
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel


def prepare(model: AtomicModel) -> tuple[dict[str, Any], Tensors]:
    """Return the prepared form: JSON-serialisable settings, and tensors with their names in the file.

    A model that the library does not evaluate has settings that say why, under `refused`, and no tensors.
    """
    reason = refusal(model)
    if isinstance(model, PotentialModel) and model.modifier is not None:
        reason = "long-range electrostatics (the modifier dipole_charge)"
    if reason is not None:
        return {"version": VERSION, "refused": reason}, {}
    model = copy.deepcopy(model).cpu()
    forms: list[dict[str, Any]] = []
    settings, tensors = shared_settings(model)
    aliases: dict[str, str] = {}
    for precision in BUDGETS:
        engine = _engine(model, precision)
        names: dict[tuple[int, torch.Size], str] = {}  # forms of one precision share all but the first layers
        for shortest in (COVERED, SHORTEST):
            blocks = engine.blocks(shortest)
            if blocks is None and shortest == COVERED:
                return {"version": VERSION, "refused": "networks that are too steep for the spectral form"}, {}
            if blocks is None:
                continue
            form, form_tensors = form_settings(engine.model, blocks)
            for name, tensor in form_tensors.items():
                full_name, key = f"{len(forms)}.{name}", (tensor.data_ptr(), tensor.shape)
                if tensor.numel() and names.setdefault(key, full_name) != full_name:
                    aliases[full_name] = names[key]
                else:
                    tensors[full_name] = tensor
            forms.append({"precision": precision, "covers": shortest, **form})
    return (
        {"version": VERSION, **settings, "forms": forms, "aliases": aliases},
        {PREPARED + name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()},
    )


def save_prepared(model: AtomicModel, path: str | Path) -> None:
    """Write a native file with its prepared form; raises InputError if it cannot be written."""
    settings, tensors = prepare(model)
    model.save(path, {"prepared": settings}, tensors)


def _engine(model: AtomicModel, precision: str) -> Engine[Any, Any]:
    if isinstance(model, TensorModel):
        return TensorEngine(model, precision)
    assert isinstance(model, PotentialModel)
    return PotentialEngine(model, precision)
