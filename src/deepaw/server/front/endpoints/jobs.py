"""GET and DELETE /jobs/{id}: long requests that nobody holds a connection open for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from deepaw.server.front.context import client_of, context_of
from deepaw.server.messages.binary import MEDIA_TYPE
from deepaw.server.messages.forms import JobForm, openapi_message

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(alias="id", max_length=100, description="As the answer with wait: false gives it")]

Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait for its end before answering")]

ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {MEDIA_TYPE: openapi_message("As of /infer"), "application/json": {"schema": {"type": "object"}}},
        "description": "The answer, in the form in which it was asked for",
    }
}


@router.get("/jobs/{id}", response_model=JobForm)
async def job(request: Request, job_id: JobId, wait: Wait = 0.0) -> JobForm:
    """How far a job is."""
    await context_of(request).desk.wait(job_id, client_of(request), wait)
    return context_of(request).desk.find(job_id, client_of(request))


@router.delete("/jobs/{id}", response_model=JobForm)
async def cancel(request: Request, job_id: JobId) -> JobForm:
    """Cancel a job, or give up its answer."""
    return context_of(request).desk.cancel(job_id, client_of(request))


@router.get("/jobs/{id}/answer", response_class=Response, responses=ANSWER)
async def answer(request: Request, job_id: JobId) -> Response:
    """The answer of a job that is done, once; 409 before."""
    return await context_of(request).desk.fetch(job_id, client_of(request))
