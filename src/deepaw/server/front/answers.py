"""Answers of the scheduler in the forms that clients read."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deepaw.server.front.work import Asked
from deepaw.server.messages.arrays import array_bytes
from deepaw.server.messages.binary import MEDIA_TYPE, Buffer, message_parts
from deepaw.server.scheduler.frames import PotentialAnswer, TensorAnswer
from deepaw.server.scheduler.interface import Answer, DensityAnswer, DensityWork, Structure

PIECE = 3 * 2**17
"""Bytes of an array that are written as base64 at a time."""


def density_json(structure: Structure, answer: DensityAnswer) -> Response:
    """The JSON of /predict, compact, `density_b64` first."""
    assert answer.values is not None
    total, magnetisation = channels(answer.values, grid=True)
    rest: dict[str, Any] = {
        "grid_shape": total.shape,
        "atoms": {
            "numbers": structure.numbers.tolist(),
            "positions": structure.positions.tolist(),
            "cell": structure.cell.tolist(),
            "pbc": structure.pbc.tolist(),
        },
        "elapsed": answer.elapsed,
        "model": answer.model,
        "electrons_predicted": answer.electrons_predicted,
        "electrons_exact": answer.electrons_exact,
        "scale": answer.scale,
        "points_evaluated": answer.points_evaluated,
        "outside_training": list(answer.outside_training),
    }
    arrays = {"density_b64": array_bytes(total)}
    if magnetisation is not None:
        arrays["magnetisation_b64"] = array_bytes(magnetisation)
    text = json.dumps({**dict.fromkeys(arrays, ""), **rest}, separators=(",", ":")).encode()
    size = len(text) + sum(4 * -(-len(data) // 3) for data in arrays.values())
    return _Parts(_with_base64(text, list(arrays.values())), size, of_model(answer), "application/json")


def message_of(asked: Asked, answer: Answer) -> dict[str, Any]:
    """The message that answers one to /infer; large arrays last."""
    head: dict[str, Any] = {"model": answer.model, "elapsed": answer.elapsed}
    if isinstance(answer, PotentialAnswer):
        arrays = {"energy": answer.energy, "virial": answer.virial, "force": answer.force}
        if answer.atom_energy is not None and answer.atom_virial is not None:
            arrays |= {"atom_energy": answer.atom_energy, "atom_virial": answer.atom_virial}
        return {"kind": "potential", **head, **arrays}
    if isinstance(answer, TensorAnswer):
        names = ("tensor", "virial", "atom_tensor", "force", "atom_virial")
        wanted = {name: values for name in names if (values := getattr(answer, name)) is not None}
        return {"kind": answer.kind, **head, **wanted}
    work = asked.work
    assert isinstance(work, DensityWork)
    message = {"kind": "density", **head, **summary_of(answer)}
    if asked.of_row and isinstance(work.structure, Structure):
        message["atoms"] = {name: getattr(work.structure, name) for name in ("numbers", "positions", "cell", "pbc")}
    if answer.values is not None:
        total, magnetisation = channels(answer.values, grid=work.grid_shape is not None)
        message["density"] = total
        if magnetisation is not None:
            message["magnetisation"] = magnetisation
    return message


def summary_of(answer: DensityAnswer) -> dict[str, Any]:
    """What is known of a density besides its values."""
    return {
        "points_evaluated": answer.points_evaluated,
        "electrons_predicted": answer.electrons_predicted,
        "electrons_exact": answer.electrons_exact,
        "scale": answer.scale,
        "outside_training": list(answer.outside_training),
        **({} if answer.occupancies is None else {"occupancies": dict(answer.occupancies)}),
    }


class _Parts(Response):
    """A body of `size` bytes whose parts go out one after the other, from where they lie or as they are made."""

    def __init__(self, parts: Iterable[Buffer], size: int, headers: dict[str, str], media_type: str) -> None:
        self._parts = parts
        super().__init__(headers={**headers, "Content-Length": str(size)}, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def binary_response(asked: Asked, answer: Answer) -> Response:
    """As MessagePack."""
    parts = message_parts(message_of(asked, answer))
    return _Parts(parts, sum(len(part) for part in parts), of_model(answer), MEDIA_TYPE)


def listed_response(asked: Asked, answer: Answer) -> Response:
    """As JSON with lists in place of arrays."""
    message = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in message_of(asked, answer).items()
    }
    body = json.dumps(message, separators=(",", ":"))
    return Response(body, media_type="application/json", headers=of_model(answer))


def of_model(answer: Answer) -> dict[str, str]:
    """The header that names the model."""
    return {"X-Model": answer.model}


def channels(values: np.ndarray, grid: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The density, and the magnetisation where the model has spin."""
    if values.ndim == (4 if grid else 2):
        return values[..., 0], values[..., 1]
    return values, None


def _with_base64(text: bytes, arrays: Sequence[memoryview]) -> Iterator[bytes]:
    """JSON with arrays in place of its first empty texts; what is written goes out while the rest is written."""
    *before, end = text.split(b'""', len(arrays))
    start = b""
    for part, data in zip(before, arrays, strict=True):
        start += part + b'"'
        for first in range(0, len(data), PIECE):
            yield start + base64.b64encode(data[first : first + PIECE])
            start = b""
        start += b'"'
    yield start + end
