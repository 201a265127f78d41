"""Checkpoints of potentials: all that a training needs to go on as if it had not stopped."""

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
from deepaw.potential.nativefile import described

KIND = "training of a potential"
"""What checkpoints say that they are."""


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps. Nothing else is random: batches follow from what the samplers drew before.

    model, fixed_slots, closest, provenance, modifier: as of `AtomicModel.description`, modifier None where there is
    none; weights: the model's state. averages: of the trained weights, or empty. samplers: of training and validation.
    settings: the input as it was understood.
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
        """Write beside and rename: a process killed meanwhile leaves the previous checkpoint whole.

        Raises InputError where it cannot be written.
        """
        content = io.BytesIO()  # torch hides errors of the operating system when it writes to a file itself
        torch.save({"kind": KIND, **vars(self)}, content)
        with output_file(path) as beside:
            beside.write_bytes(content.getbuffer())

    def potential(self, name: str) -> AtomicModel:
        """The model, with its weights. Raises InputError: one that this version does not know."""
        try:
            model = described(vars(self), self.weights, name)
            model.load_state_dict(self.weights)
        except RuntimeError:
            raise InputError(f"{name} holds a potential that this deepaw does not know.") from None
        return model


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises InputError: no such file, or not a checkpoint of a potential's training."""
    found = find_checkpoint(path)
    checkpoint = content_of(found)
    if checkpoint is None:
        raise InputError(
            f"{found} is not a checkpoint of deepaw's training of potentials; --init-model and --finetune start from "
            "other files."
        )
    return checkpoint


def find_checkpoint(path: Path) -> Path:
    """The file that `model.ckpt` or `model.ckpt.pt` names, or any other. Raises InputError: there is none."""
    for candidate in (path, path.with_name(f"{path.name}.pt")):
        if candidate.is_file():
            return candidate
    raise InputError(f"{path} does not exist; give the file of a training or of a model, such as model.ckpt.pt.")


def content_of(path: Path) -> Checkpoint | None:
    """The checkpoint in a file that exists, or None where it holds something else.

    Raises InputError: it is cut short or holds nothing that is readable.
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
    """`<prefix>-<step>.pt`, of which the latest few are kept, and `<prefix>.pt`, which names the latest one.

    Args:
        prefix: such as model.ckpt, in a folder that exists.
        keep: how many to keep.
    """

    def __init__(self, prefix: Path, keep: int) -> None:
        self._prefix, self._keep = prefix, keep

    @property
    def latest(self) -> Path:
        """The name that the latest one always has."""
        return self._prefix.with_name(f"{self._prefix.name}.pt")

    def write(self, checkpoint: Checkpoint) -> Path:
        """Write it, point to it, and then remove what is no longer kept: first those of later steps, which are left
        of another past, then the oldest.
        """
        path = self._prefix.with_name(f"{self._prefix.name}-{checkpoint.step}.pt")
        checkpoint.write(path)
        link = self.latest.with_name(f".{self.latest.name}.part")
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.replace(self.latest)
        others = sorted(self._numbered(), key=lambda each: (each[0] <= checkpoint.step, each[0]))
        for _, other in others[: max(len(others) - self._keep, 0)]:
            other.unlink(missing_ok=True)
        return path

    def _numbered(self) -> list[tuple[int, Path]]:
        start = f"{self._prefix.name}-"
        found = []
        for path in self._prefix.parent.glob(f"{_literal(start)}*.pt"):
            number = path.name[len(start) : -len(".pt")]
            if number.isdigit():
                found.append((int(number), path))
        return found


def ema_prefix(prefix: Path) -> Path:
    """What the names of checkpoints of averages begin with: model_ema.ckpt beside model.ckpt, as in DeePMD-kit."""
    return prefix.with_name(f"{prefix.stem}_ema{prefix.suffix}")


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
