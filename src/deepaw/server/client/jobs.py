"""Long requests, asked after until they are done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from deepaw.server.client.connection import Connection
from deepaw.server.client.errors import ServerError
from deepaw.server.messages.binary import MEDIA_TYPE, binary_to_dict, message_parts

PULSE = 0.5
"""Seconds between two reports of progress."""

Progress = Callable[[int, int], None]


def followed(
    connection: Connection, message: Mapping[str, Any], headers: Mapping[str, str], progress: Progress
) -> dict[str, Any]:
    """The answer to a message, with reports until it is there; the job is cancelled if this is left before.

    headers: of all requests, beside those that say what is in them. Raises ServerError.
    """
    body = message_parts({**message, "wait": False})
    _, answer = connection.ask("POST", "/infer", body, {"Content-Type": MEDIA_TYPE, **headers})
    job = f"/jobs/{json.loads(answer)['id']}"
    try:
        while True:
            found = connection.ask_json("GET", f"{job}?wait={PULSE}", headers=headers)
            progress(found["done"], found["total"])
            if found["state"] not in ("queued", "running"):
                return binary_to_dict(connection.ask("GET", f"{job}/answer", (), headers, repeat=False)[1])
    except BaseException:
        connection.close()
        with suppress(ServerError):  # it has ended, or the server has
            connection.ask_json("DELETE", job, headers=headers)
        raise
