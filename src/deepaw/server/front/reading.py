"""Bodies that are a message, in MessagePack or JSON as `Content-Type` says."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from deepaw.server.front.errors import RequestError
from deepaw.server.messages.binary import MEDIA_TYPE, binary_to_dict
from deepaw.server.messages.errors import MessageError
from deepaw.server.messages.limits import MessageLimits

BINARY = {MEDIA_TYPE, "application/x-msgpack", "application/vnd.msgpack"}
JSON = "application/json"


async def read_message(request: Request, limits: MessageLimits) -> tuple[dict[str, Any], bool]:
    """The message, and whether it came as JSON.

    Raises MessageError: no message. RequestError: 415 for another type.
    """
    given = media_type(request.headers.get("content-type", ""))
    if given not in BINARY and given != JSON:
        raise RequestError(415, "type", f"The Content-Type should be {MEDIA_TYPE} or {JSON}.")
    body = await request.body()
    if given != JSON:
        return binary_to_dict(body, limits), False
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise MessageError("The body is not JSON in UTF-8.") from None
    if not isinstance(message, dict):
        raise MessageError("The body should be a JSON object.")
    return message, True


def media_type(header: str) -> str:
    """Without parameters."""
    return header.split(";", 1)[0].strip().lower()
