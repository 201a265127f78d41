"""Checkpoints: all that a training needs to go on as if it had not stopped."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepaw.density.data.split import Split
from deepaw.errors import InputError
from deepaw.outputfile import output_file

FIXED = ("seed", "batch_size", "probes")
"""Keys of the section `training` that decide which points a step learns from."""


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps. Probes and batches follow from the seed and the step, so they are not part of it.

    losses: of the steps since the last line of the learning curve. structures: names by part of the data set. settings:
    the input file's content. seconds: of training so far.
    """

    step: int
    weights: dict[str, Tensor]
    averages: list[Tensor]
    optimizer: dict[str, Any]
    fitted: Tensor
    losses: list[float]
    structures: dict[str, list[str]]
    settings: dict[str, Any]
    seconds: float

    def write(self, path: Path) -> None:
        """Write beside and rename: a process killed meanwhile leaves the previous checkpoint whole.

        Raises InputError where it cannot be written.
        """
        content = io.BytesIO()  # torch hides errors of the operating system when it writes to a file itself
        torch.save(vars(self), content)
        with output_file(path) as beside:
            beside.write_bytes(content.getbuffer())


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises InputError: no such file, or not a checkpoint of a density training."""
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the checkpoint of a training, such as checkpoint.pt.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError, OSError):
        raise InputError(f"{path} is not a checkpoint of a density training, or it is cut short.") from None


def module_weights(modules: dict[str, torch.nn.Module]) -> dict[str, Tensor]:
    """The weights of all modules by prefix and name, as `load_modules` takes them."""
    return {
        f"{prefix}{name}": value for prefix, module in modules.items() for name, value in module.state_dict().items()
    }


def load_modules(path: Path, modules: dict[str, torch.nn.Module], weights: dict[str, Tensor]) -> None:
    """Load the weights of a checkpoint into modules by the prefixes of their names, longest last.

    Raises InputError, calling the checkpoint `path`: weights of other modules, as where the data has got occupancies.
    """
    left = dict(weights)
    for prefix, module in reversed(modules.items()):
        names = [name for name in left if name.startswith(prefix)]
        try:
            module.load_state_dict({name.removeprefix(prefix): left.pop(name) for name in names})
        except RuntimeError:
            raise InputError(
                f"{path} was made with other occupancies, or with none; restart with the same data and the same "
                "section occupancies."
            ) from None


def check_settings(path: Path, checkpoint: Checkpoint, given: dict[str, Any]) -> None:
    """Refuse a checkpoint of another model, or of other batches and probes; the rest of the settings may change."""
    for section, names in (
        ("model", sorted(given["model"].keys() | checkpoint.settings["model"].keys())),
        ("training", FIXED),
    ):
        for name in names:
            mine, other = given[section].get(name), checkpoint.settings[section].get(name)
            if mine != other:
                raise InputError(
                    f"{path} was made with {section}.{name} = {other!r} and the input file says {mine!r}; restart with "
                    "the same value."
                )


def check_structures(path: Path, checkpoint: Checkpoint, given: Split) -> None:
    """Refuse a checkpoint of other data: structures go by name and by the part of the data set they are in."""
    for part, names in structure_names(given).items():
        before = checkpoint.structures[part]
        if changed := sorted(set(names) ^ set(before)) or (names != before and ["the order of the structures"]):
            raise InputError(
                f"{path} was made from other data: {changed[0]} differs in the part '{part}' ({len(before)} structures "
                f"then, {len(names)} now); restart with the same data and split."
            )


def structure_names(parts: Split) -> dict[str, list[str]]:
    """Names by part of the data set: 'train', 'validation', 'left_out'."""
    return {part: [example.name for example in examples] for part, examples in vars(parts).items()}
