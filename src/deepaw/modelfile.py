"""Native model files: one .safetensors with the tensors and, in its metadata, everything else as JSON.

The safetensors header holds a single key, `deepaw`, whose value is a JSON object: `schema` (int), `kind` (what the
model predicts), and the fields of that kind (configuration, units, elements, training provenance, measured deviations).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepaw.errors import InputError
from deepaw.outputfile import output_file

SCHEMA = 1
"""Raised by one whenever a file would be misread by older software."""

KEY = "deepaw"

PREPARED = "prepared."
"""Prefix of the names of tensors that are no part of the model: those of its prepared form, for libdeepaw."""


@dataclass(frozen=True)
class ModelFile:
    """What a native file holds: `kind` such as 'density', JSON-serialisable `metadata`, and the tensors by name."""

    kind: str
    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def write_model(path: str | Path, model: ModelFile) -> None:
    """Write a native file; the old one, if any, stays until the new one is complete.

    Raises InputError: the folder does not exist or may not be written to, or the disk is full; nothing is left behind.
    """
    with output_file(path) as beside:
        beside.write_bytes(model_bytes(model))


def model_bytes(model: ModelFile) -> bytes:
    """Return the content of a native file."""
    header = json.dumps({"schema": SCHEMA, "kind": model.kind, **model.metadata})
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.tensors.items()}
    content: bytes = save(tensors, {KEY: header})
    return content


def read_model(path: str | Path, kind: str | None = None) -> ModelFile:
    """Read a native file, tensors on the CPU.

    Raises InputError: no such file; not a native file, or a truncated one; a schema newer than this software's; a
    model of another kind than the one asked for.
    """
    header = read_metadata(path)
    found = str(header.pop("kind"))
    header.pop("schema")
    if kind is not None and found != kind:
        raise InputError(f"{path} is a model of kind {found!r}; a model of kind {kind!r} is needed here.")
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(f"{path} holds values in {name} that are not finite numbers; it was written damaged.")
    return ModelFile(found, header, tensors)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The JSON of a native file, `schema` and `kind` included, without reading the tensors; errors as `read_model`."""
    with _opened(path) as file:
        text = (file.metadata() or {}).get(KEY)
    try:
        header = json.loads(text or "")
    except ValueError:
        raise InputError(f"{path} is a safetensors file that this software did not write.") from None
    if not isinstance(header, dict) or not isinstance(header.get("schema"), int) or "kind" not in header:
        raise InputError(f"{path} is a safetensors file whose description is not that of a model.")
    if header["schema"] > SCHEMA:
        raise InputError(
            f"{path} has file schema {header['schema']} and this deepaw reads up to {SCHEMA}; update deepaw."
        )
    return header


def _opened(path: str | Path) -> Any:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory; convert a published checkpoint with 'deepaw convert' first.")
    if not path.exists():
        raise InputError(f"{path} does not exist; give a model file (.safetensors).")
    try:
        return safe_open(path, framework="pt", device="cpu")
    except (SafetensorError, OSError):
        raise InputError(_damage(path)) from None


def _damage(path: Path) -> str:
    """Truncated files keep a sound header that promises more bytes than there are."""
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
        promised = (
            8 + length + max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        )
        size = path.stat().st_size
        if size < promised:
            return f"{path} is cut short: {size} of {promised} bytes; copy it again."
    except PermissionError:
        return f"{path} may not be read: permission denied."
    except (OSError, ValueError, struct.error, KeyError, TypeError, MemoryError, OverflowError):
        pass
    return f"{path} is not a model file (.safetensors), or is cut short."
