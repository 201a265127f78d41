"""Where a training starts: fresh weights, those of another model, or in the middle of what was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepaw.errors import InputError
from deepaw.potential.descriptor.se_atten import LN_EPS
from deepaw.potential.files.formats import read_model
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint

INDIFFERENT = ("seed", "trainable", "use_srtab", "model_name")
"""Keys of sections of the model that say nothing about a model once it has weights; such files are part of it then."""

BY_TYPE = ("type_map", "sel", "exclude_types", "atom_ener", "pair_exclude_types", "atom_exclude_types")
"""Keys that list types, which mean nothing with another type map."""


@dataclass(frozen=True)
class Start:
    """How a training starts, for all ways but fresh weights.

    way: restart, init (weights and statistics) or finetune (the energies of types are fitted to the data as well).
    path: of the file, for messages. model: with weights. checkpoint: of a restart.
    """

    way: Literal["restart", "init", "finetune"]
    path: Path
    model: AtomicModel
    checkpoint: Checkpoint | None = None


def choose_start(restart: Path | None, init_model: Path | None, finetune: Path | None) -> Start | None:
    """What the options of the command line say; None: fresh weights.

    Raises InputError: more than one of them, or the file is none that holds a potential.
    """
    given = [("--restart", restart), ("--init-model", init_model), ("--finetune", finetune)]
    names = [name for name, path in given if path is not None]
    if len(names) > 1:
        raise InputError(f"{' and '.join(names)} are given together; a training has one start.")
    if restart is not None:
        checkpoint = read_checkpoint(restart)
        return Start("restart", restart, checkpoint.potential(str(restart)), checkpoint)
    if init_model is not None:
        return Start("init", init_model, read_model(find_checkpoint(init_model)))
    if finetune is not None:
        return Start("finetune", finetune, read_model(find_checkpoint(finetune)))
    return None


def check_architecture(start: Start, given: ModelConfig) -> None:
    """Refuse a start whose model is not the one that the input file describes, naming the first difference.

    Where the input file leaves `sel` to be counted, that of the model holds. For a finetuning the model's type map may
    have more types, in any order; then everything that is said by type is the model's.

    Raises InputError.
    """
    before, now = start.model.config.model_dump(mode="json"), given.model_dump(mode="json")
    left_out: tuple[str, ...] = INDIFFERENT
    if start.way == "finetune" and before["type_map"] != now["type_map"]:
        for name in given.type_map:
            if name not in start.model.type_map:
                raise InputError(
                    f"model.type_map has {name}, which is not among the types of {start.path} "
                    f"({', '.join(start.model.type_map)}); a model learns no new types by --finetune."
                )
        left_out += BY_TYPE
    for place, mine, other in _differences(before, now, "model", left_out):
        if place.endswith(".sel") and isinstance(other, str):
            continue
        raise InputError(
            f"{place} is {_shown(mine)} in {start.path} and {_shown(other)} in the input file; they must be the same."
        )


def _differences(mine: Any, other: Any, place: str, left_out: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in ["type", *mine, *(key for key in other if key not in mine)]:
            if key not in left_out:
                yield from _differences(mine.get(key), other.get(key), f"{place}.{key}", left_out)
    elif place.endswith(".list") and isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for number, (one, another) in enumerate(zip(mine, other, strict=True)):
            yield from _differences(one, another, f"{place}[{number}]", left_out)
    elif mine != other and _meaning(place, mine) != _meaning(place, other):
        yield place, mine, other


def _meaning(place: str, value: Any) -> Any:
    """Names of one thing are the same: se_a is se_e2_a, double and default are float64."""
    key = place.rpartition(".")[2]
    if key == "precision":
        return {"default": "float64", "double": "float64", "single": "float32"}.get(value, value)
    if key == "ln_eps":
        return LN_EPS if value is None else value
    if key == "activation_function" and isinstance(value, str):
        return value.lower()
    if key == "type":
        return {"dpa1": "se_atten", "se_a": "se_e2_a", "se_r": "se_e2_r", "se_at": "se_e3", "se_a_3be": "se_e3"}.get(
            value, value
        )
    if key == "atom_ener" and not any(entry is not None for entry in value):
        return []
    return value


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
