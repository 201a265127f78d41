"""Start of a training: from random weights, from those of another model, or from a checkpoint."""

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
from deepaw.potential.typenames import has_names

IGNORED_KEYS = ("seed", "trainable", "use_srtab", "model_name")
"""Keys of the model section without effect on a model that has weights; such files are part of the model file."""

SYNONYMS = {
    **dict.fromkeys(("se_a", "se_e2_a_tebd"), "se_e2_a"),
    "se_a_tpe_v2": "se_a_ebd_v2",
    "se_r": "se_e2_r",
    **dict.fromkeys(("se_at", "se_a_3be", "se_t"), "se_e3"),
    "dpa1": "se_atten",
}
"""Current names by alternative ones, as values of `type`."""

TYPE_KEYS = ("type_map", "sel", "exclude_types", "atom_ener", "pair_exclude_types", "atom_exclude_types")
"""Keys with lists by type, which cannot be compared for another type map."""


@dataclass(frozen=True)
class Start:
    """Start of a training other than from random weights.

    way: restart, init (weights and statistics) or finetune (in addition the energies of types are fitted to the data).
    path: of the file, for messages. model: with weights. checkpoint: of a restart.
    """

    way: Literal["restart", "init", "finetune"]
    path: Path
    model: AtomicModel
    checkpoint: Checkpoint | None = None


def choose_start(restart: Path | None, init_model: Path | None, finetune: Path | None) -> Start | None:
    """Return the start of the command-line options, or None for random weights.

    Raises InputError: more than one option, or a file that does not hold a potential.
    """
    options = [("--restart", restart), ("--init-model", init_model), ("--finetune", finetune)]
    names = [name for name, path in options if path is not None]
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


def check_architecture(start: Start, config: ModelConfig) -> None:
    """Check that the model of a start has the configuration of the input file.

    If `sel` of the input file is "auto", that of the model is used. For a finetuning the model's type map may have
    more types, in any order; then all keys by type are those of the model.

    Raises InputError, which names the first difference.
    """
    if has_names(config.type_map) and not has_names(start.model.type_map):
        raise InputError(
            f"model.type_map is {' '.join(config.type_map)}, and the types of {start.path} have no names; leave it "
            "out, or name them first with 'deepaw convert --type-map'."
        )
    model_keys, input_keys = start.model.config.model_dump(mode="json"), config.model_dump(mode="json")
    ignored: tuple[str, ...] = IGNORED_KEYS
    if start.way == "finetune" and model_keys["type_map"] != input_keys["type_map"]:
        for name in config.type_map:
            if name not in start.model.type_map:
                raise InputError(
                    f"model.type_map has {name}, which is not among the types of {start.path} "
                    f"({', '.join(start.model.type_map)}); a model learns no new types by --finetune."
                )
        ignored += TYPE_KEYS
    for place, model_value, input_value in _differences(model_keys, input_keys, "model", ignored):
        if place.endswith(".sel") and isinstance(input_value, str):
            continue
        raise InputError(
            f"{place} is {_format_value(model_value)} in {start.path} and {_format_value(input_value)} in the input "
            "file; they must be the same."
        )


def _differences(one: Any, other: Any, place: str, ignored: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the place and both values of each difference."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in ["type", *one, *(key for key in other if key not in one)]:
            if key not in ignored:
                yield from _differences(one.get(key), other.get(key), f"{place}.{key}", ignored)
    elif place.endswith(".list") and isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (one_entry, other_entry) in enumerate(zip(one, other, strict=True)):
            yield from _differences(one_entry, other_entry, f"{place}[{number}]", ignored)
    elif one != other and _canonical(place, one) != _canonical(place, other):
        yield place, one, other


def _canonical(place: str, value: Any) -> Any:
    """Return the value of a key with synonyms replaced: se_a by se_e2_a, double and default by float64, ..."""
    key = place.rpartition(".")[2]
    if key == "precision":
        return {"default": "float64", "double": "float64", "single": "float32"}.get(value, value)
    if key == "ln_eps":
        return LN_EPS if value is None else value
    if key == "activation_function" and isinstance(value, str):
        return value.lower()
    if key == "type":
        return SYNONYMS.get(value, value)
    if key == "atom_ener" and not any(entry is not None for entry in value):
        return []
    return value


def _format_value(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
