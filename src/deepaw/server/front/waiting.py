"""Waiting for a job, as long as somebody waits for its answer, or leaving that for later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deepaw.server.front.context import client_of, context_of
from deepaw.server.front.errors import ClientGoneError, RequestError
from deepaw.server.scheduler.interface import Answer, Job, JobCancelledError, Work


async def respond(request: Request, work: Work, wait: bool, render: Callable[[Answer], Response]) -> Response:
    """The answer to work as `render` makes it, or, where it is not waited for, the job."""
    context, client = context_of(request), client_of(request)
    if not wait:
        context.desk.check_room()
    job = context.scheduler.submit(work, client)
    if not wait:
        context.desk.keep(job, render)
        return JSONResponse(context.desk.find(job.id, client).model_dump(), 202)
    response = render(await answer_of(job, request, context.config.limits.seconds))
    response.headers["X-Job-Id"] = job.id
    return response


async def answer_of(job: Job, request: Request, seconds: float) -> Answer:
    """The answer. Cancels the job and raises where the client goes away or it takes too long."""
    gone = False

    def leave(watch: asyncio.Future[None]) -> None:
        nonlocal gone
        gone = True
        watch.exception()  # a connection that broke is no news
        job.cancel()

    watch = asyncio.ensure_future(_gone(request))
    watch.add_done_callback(leave)
    try:
        async with asyncio.timeout(seconds):
            return await job.result()
    except TimeoutError:
        raise took_too_long(seconds) from None
    except JobCancelledError:
        if gone:
            raise ClientGoneError from None
        raise
    finally:
        watch.remove_done_callback(leave)
        watch.cancel()
        job.cancel()


def took_too_long(seconds: float) -> RequestError:
    """The refusal."""
    return RequestError(504, "time", f"The answer took longer than {seconds:g} s and was given up.")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
