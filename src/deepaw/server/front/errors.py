"""Errors as JSON: `{"error": "one sentence"}` with the status that fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from deepaw.errors import InputError
from deepaw.server.messages.errors import MessageError
from deepaw.server.messages.forms import ErrorForm
from deepaw.server.scheduler.interface import (
    EvaluationError,
    JobCancelledError,
    NotReadyError,
    OutOfMemoryError,
    QueueFullError,
    UnknownHandleError,
    UnknownModelError,
    WorkerLostError,
)


class RequestError(Exception):
    """A request that is refused. kind: one word for the metrics."""

    def __init__(self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


KNOWN: tuple[tuple[type[Exception], int, str, str | None], ...] = (
    (MessageError, 400, "message", None),
    (InputError, 422, "input", None),
    (UnknownHandleError, 404, "handle", "No structure of this handle is kept; send the structure again."),
    (UnknownModelError, 404, "model", None),
    (JobCancelledError, 409, "cancelled", "The job was cancelled."),
    (OutOfMemoryError, 413, "memory", "The device has not enough memory for this request."),
    (EvaluationError, 500, "evaluation", "The evaluation failed; the log of the server has more under this request."),
    (WorkerLostError, 503, "worker", "The worker ended while it worked on this; ask again."),
    (NotReadyError, 503, "not_ready", "The server is starting or stopping; try again soon."),
    (QueueFullError, 503, "queue_full", "Too many requests are waiting; try again soon."),
)
"""Exception, status, kind, and what is said instead of its own text."""

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorForm, "description": "Not JSON, or not a message"},
    401: {"model": ErrorForm, "description": "No key, or a wrong one"},
    403: {"model": ErrorForm, "description": "A file outside --data-dir"},
    404: {"model": ErrorForm, "description": "No such model, structure, job or page"},
    408: {"model": ErrorForm, "description": "The body did not come in time"},
    409: {"model": ErrorForm, "description": "The job was cancelled"},
    413: {"model": ErrorForm, "description": "Beyond a limit"},
    415: {"model": ErrorForm, "description": "Another Content-Type than is read here"},
    422: {"model": ErrorForm, "description": "The content is wrong"},
    500: {"model": ErrorForm, "description": "A fault of the server"},
    503: {"model": ErrorForm, "description": "Not ready, or too much is waiting; Retry-After says for how long"},
    504: {"model": ErrorForm, "description": "It took longer than --max-seconds"},
}


def as_request_error(error: Exception) -> RequestError | None:
    """The refusal that an exception amounts to, None for one that is a fault of the server."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return RequestError(error.status_code, "http", _http_text(error), error.headers)
    for known, status, kind, text in KNOWN:
        if isinstance(error, known):
            wait = max(1, ceil(getattr(error, "retry_after", 1.0)))
            headers = {"Retry-After": str(wait)} if status == 503 else {}
            return RequestError(status, kind, text or str(error), headers)
    return None


def error_response(error: RequestError) -> Response:
    """The answer."""
    body = json.dumps({"error": str(error)}, separators=(",", ":"), ensure_ascii=False)
    return Response(body, error.status, error.headers, "application/json")


def handle_errors(app: FastAPI) -> None:
    """Every known exception becomes its answer; others go on to the middleware that records requests."""

    async def answer(request: Request, error: Exception) -> Response:
        refusal = as_request_error(error)
        if refusal is None:
            raise error
        request.scope["deepaw.error"] = refusal.kind
        return error_response(refusal)

    for kind in (RequestError, RequestValidationError, HTTPException, *(known for known, *_ in KNOWN)):
        app.add_exception_handler(kind, answer)


def _invalid(error: RequestValidationError) -> RequestError:
    """The first thing that is wrong, without what was sent, which may be long, or not be JSON at all."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return RequestError(400, "json", "The body is not JSON in UTF-8.")
    place = [str(part) for part in first["loc"][1:]]
    text = str(first["msg"]).rstrip(".")
    if not place:
        return RequestError(422, "input", "The body should be a JSON object; say so with Content-Type.")
    return RequestError(422, "input", f"{'.'.join(place)}: {text[0].lower()}{text[1:]}.")


def _http_text(error: HTTPException) -> str:
    texts = {
        400: "The body is not JSON in UTF-8.",
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
    }
    return texts.get(error.status_code) or f"{str(error.detail).rstrip('.')}."
