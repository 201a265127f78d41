"""Checkpoints of the training of potentials: a restarted training equals an uninterrupted one."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.nativefile import build_model

KIND = "training of a potential"
"""Value of the key `kind` in checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a training after `step` steps, including that of the samplers, which determine later batches.

    model, fixed_slots, closest, provenance, modifier: as in `AtomicModel.description`, modifier None if there is none.
    weights: state_dict of the model. averages: of the trained weights, or empty. samplers: of training and validation.
    settings: the completed input.
    """

    step: int
    model: dict[str, Any]
    fixed_slots: bool
    closest: float | None
    provenance: dict[str, Any]
    weights: dict[str, Tensor]
    averages: list[Tensor]
    optimizer: dict[str, Any]
    samplers: dict[str, Any]
    settings: dict[str, Any]
    modifier: dict[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Write to a temporary file and rename it: if the process is killed, the previous checkpoint stays intact.

        Raises InputError: the file cannot be written.
        """
        content = io.BytesIO()  # torch.save to a file hides errors of the operating system
        torch.save({"kind": KIND, **vars(self)}, content)
        with output_file(path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def potential(self, name: str) -> AtomicModel:
        """Return the model with its weights; name: of the file, for messages. Raises InputError: an unknown model."""
        try:
            model = build_model(vars(self), self.weights, name)
            model.load_state_dict(self.weights)
        except RuntimeError:
            raise InputError(f"{name} holds a potential that this deepaw does not know.") from None
        return model


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises InputError: no such file, or not a checkpoint of a potential's training."""
    file = find_checkpoint(path)
    checkpoint = load_checkpoint(file)
    if checkpoint is None:
        raise InputError(
            f"{file} is not a checkpoint of deepaw's training of potentials; --init-model and --finetune start from "
            "other files."
        )
    return checkpoint


def find_checkpoint(path: Path) -> Path:
    """Return the file of a checkpoint or model, with or without the suffix `.pt`. Raises InputError: there is none."""
    for candidate in (path, path.with_name(f"{path.name}.pt")):
        if candidate.is_file():
            return candidate
    raise InputError(f"{path} does not exist; give the file of a training or of a model, such as model.ckpt.pt.")


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Load the checkpoint in an existing file, or return None if the file holds something else.

    Raises InputError: the file is truncated or not readable.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise InputError(f"{path} may not be read: permission denied.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError, OSError):
        raise InputError(f"{path} is not a readable checkpoint; it may be cut short or another kind of file.") from None
    if not isinstance(content, dict) or content.pop("kind", None) != KIND:
        return None
    if content.keys() != {field.name for field in fields(Checkpoint)}:
        raise InputError(f"{path} is a checkpoint of another version of deepaw.")
    return Checkpoint(**content)


class CheckpointFiles:
    """The latest checkpoints `<prefix>-<step>.pt`, and a link `<prefix>.pt` to the last one.

    Args:
        prefix: such as model.ckpt, in an existing folder.
        keep: number of checkpoints to keep.
    """

    def __init__(self, prefix: Path, keep: int) -> None:
        self._prefix, self._keep = prefix, keep

    @property
    def latest(self) -> Path:
        """Path of the link to the latest checkpoint."""
        return self._prefix.with_name(f"{self._prefix.name}.pt")

    def write(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, update the link, and remove surplus files: those of later steps, left over by an earlier
        training, then the oldest.
        """
        path = self._prefix.with_name(f"{self._prefix.name}-{checkpoint.step}.pt")
        checkpoint.write(path)
        link = self.latest.with_name(f".{self.latest.name}.part")
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.replace(self.latest)
        files = sorted(self._step_files(), key=lambda file: (file[0] <= checkpoint.step, file[0]))
        for _, surplus in files[: max(len(files) - self._keep, 0)]:
            surplus.unlink(missing_ok=True)
        return path

    def _step_files(self) -> list[tuple[int, Path]]:
        """Return the step and path of each checkpoint file."""
        start = f"{self._prefix.name}-"
        files = []
        for path in self._prefix.parent.glob(f"{_literal(start)}*.pt"):
            number = path.name[len(start) : -len(".pt")]
            if number.isdigit():
                files.append((int(number), path))
        return files


def ema_prefix(prefix: Path) -> Path:
    """Return the prefix of checkpoints of averaged weights: model_ema.ckpt for model.ckpt, as in DeePMD-kit."""
    return prefix.with_name(f"{prefix.stem}_ema{prefix.suffix}")


def _literal(name: str) -> str:
    """Escape a name for `Path.glob`."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
