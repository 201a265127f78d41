"""POST /infer: densities and potentials, one message in and one out."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from deepaw.server.front.access import over_socket
from deepaw.server.front.answers import binary_response, listed_response
from deepaw.server.front.context import client_of, context_of
from deepaw.server.front.reading import BINARY, JSON, media_type, read_message
from deepaw.server.front.stream import streamed
from deepaw.server.front.waiting import respond
from deepaw.server.front.work import check_listed, read_work
from deepaw.server.messages.binary import MEDIA_TYPE
from deepaw.server.messages.forms import JobForm, openapi_message
from deepaw.server.messages.stream import STREAM_TYPE
from deepaw.server.scheduler.interface import DensityWork

router = APIRouter(tags=["predictions"])

REQUEST = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: openapi_message("A map in MessagePack with typed arrays"),
            JSON: {"schema": {"type": "object", "description": "The same map, with lists for arrays"}},
        },
    }
}

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            MEDIA_TYPE: openapi_message("A map in MessagePack with typed arrays"),
            STREAM_TYPE: openapi_message("Messages one after the other, where Accept asks for it"),
            JSON: {"schema": {"type": "object"}},
        },
        "description": "The answer, in the type of the message unless Accept names another",
    },
    202: {"model": JobForm, "description": "With wait: false"},
}


@router.post("/infer", response_class=Response, responses=ANSWERS, openapi_extra=REQUEST)
async def infer(request: Request) -> Response:
    """A density on a grid or at points, or energies, forces and virials of frames."""
    context = context_of(request)
    limits = context.config.limits
    message, is_json = await read_message(request, limits.message)
    wanted = [media_type(part) for part in request.headers.get("accept", "").split(",")]
    stream = STREAM_TYPE in wanted
    asked = await read_work(message, context.config, stream, over_socket(request.scope))
    listed = not stream and (JSON in wanted or (is_json and not BINARY & set(wanted)))
    if listed:
        check_listed(asked.work, limits)
    if stream:
        assert isinstance(asked.work, DensityWork)
        job = context.scheduler.submit(asked.work, client_of(request))
        return streamed(job, asked.work, request, limits.seconds)
    return await respond(
        request, asked.work, asked.wait, partial(listed_response if listed else binary_response, asked)
    )
