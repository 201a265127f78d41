"""Checkpoints: all that a training needs to go on as if it had not stopped."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.outputfile import output_file


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps. Probes and batches follow from the seed and the step, so they are not part of it.

    settings: the input file's content, which a restart must repeat.
    """

    step: int
    weights: dict[str, Tensor]
    averages: list[Tensor]
    optimizer: dict[str, Any]
    fitted: Tensor
    settings: dict[str, Any]
    seconds: float

    def write(self, path: Path) -> None:
        """Write beside and rename: a process killed meanwhile leaves the previous checkpoint whole."""
        with output_file(path) as beside:
            torch.save(vars(self), beside)


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises InputError: no such file, or not a checkpoint of a density training."""
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the checkpoint of a training, such as checkpoint.pt.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError, ValueError, OSError, KeyError):
        raise InputError(f"{path} is not a checkpoint of a density training, or it is cut short.") from None
