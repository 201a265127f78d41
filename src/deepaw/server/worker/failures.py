"""Errors as they travel between processes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from deepaw.errors import InputError
from deepaw.server.scheduler.interface import EvaluationError, OutOfMemoryError

_KINDS: dict[str, type[Exception]] = {
    "input": InputError,
    "memory": OutOfMemoryError,
    "evaluation": EvaluationError,
}


def described(error: Exception) -> dict[str, Any]:
    """`error`, its kind, and `message`. What nobody foresaw is logged, and described without its words."""
    for kind, of_kind in _KINDS.items():
        if isinstance(error, of_kind):
            return {"error": kind, "message": str(error)}
    logging.getLogger(__name__).error("an evaluation failed", exc_info=error)
    return {"error": "evaluation", "message": "The evaluation failed; the server's log says why."}


def failure(reply: Mapping[str, Any]) -> Exception | None:
    """The error that a reply describes, if it does."""
    return _KINDS[reply["error"]](reply["message"]) if "error" in reply else None
