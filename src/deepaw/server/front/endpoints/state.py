"""GET /status, /health, /v1/health and /metrics: how the server is."""

from __future__ import annotations

import os
import time

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from deepaw import __version__
from deepaw.server.front.context import Context, client_of, context_of
from deepaw.server.front.endpoints.models import model_form
from deepaw.server.messages.forms import StatusForm

router = APIRouter(tags=["state"])


@router.get("/status", response_model=StatusForm)
async def status(request: Request) -> Response:
    """The state of the server, its device, models and queue."""
    return JSONResponse(_status(context_of(request)).model_dump())


@router.get("/health", response_model=StatusForm, responses={503: {"model": StatusForm, "description": "Not ready"}})
@router.get("/v1/health", response_model=StatusForm, responses={503: {"model": StatusForm, "description": "Not ready"}})
async def health(request: Request) -> Response:
    """The same for a load balancer: 503 while no requests are taken. Without a key, `status` alone."""
    context = context_of(request)
    state = context.scheduler.state().state
    form = _status(context) if client_of(request) != "stranger" else StatusForm(status=state)
    ready = state in ("running", "recovering")
    return JSONResponse(
        form.model_dump(exclude_none=True), 200 if ready else 503, {} if ready else {"Retry-After": "1"}
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Of Prometheus"}},
)
async def metrics(request: Request) -> Response:
    """Requests, latency, queue, batches, engine time, errors and memory, as Prometheus collects them."""
    return Response(context_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _status(context: Context) -> StatusForm:
    state, models = context.scheduler.state(), context.scheduler.models()
    kinds = {model.kind for model in models}
    return StatusForm(
        status=state.state,
        pid=os.getpid(),
        device=state.device,
        precision=state.precision,
        cuda_available=state.cuda_available,
        use_compile=any(model.compiled for model in models),
        use_dual_model={"density", "potential"} <= kinds,
        data_batch_size=context.config.batch_size,
        version=__version__,
        uptime=round(time.monotonic() - context.started, 3),
        models=[model_form(model) for model in models],
        queue={
            "queued": state.queued,
            "running": state.running,
            "points": state.queued_points,
            "atoms": state.queued_atoms,
        },
        served=dict(state.served),
        memory={"workers": state.memory_bytes, "device": state.device_bytes, "structures": state.structure_bytes},
        restarts=state.restarts,
    )
