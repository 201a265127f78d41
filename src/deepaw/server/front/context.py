"""What endpoints work with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.requests import Request

from deepaw.server.front.config import FrontConfig
from deepaw.server.front.desk import Desk
from deepaw.server.front.metrics import Metrics
from deepaw.server.scheduler.interface import Scheduler


@dataclass(frozen=True)
class Context:
    """One for an application; `started` by `time.monotonic`."""

    scheduler: Scheduler
    config: FrontConfig
    metrics: Metrics
    desk: Desk
    started: float = field(default_factory=time.monotonic)


def context_of(request: Request) -> Context:
    """Of the application that a request came to."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


def client_of(request: Request) -> str:
    """Who a request is from; see `AccessMiddleware`."""
    return str(request.scope["deepaw.client"])
