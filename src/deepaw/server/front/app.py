"""The application: the same over TCP and over the Unix socket."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from deepaw import __version__
from deepaw.server.front.access import AccessMiddleware
from deepaw.server.front.body import BodyMiddleware
from deepaw.server.front.config import FrontConfig
from deepaw.server.front.context import Context
from deepaw.server.front.desk import Desk
from deepaw.server.front.endpoints import infer, jobs, models, page, predict, state, structures
from deepaw.server.front.errors import DOCUMENTED, handle_errors
from deepaw.server.front.metrics import Metrics
from deepaw.server.front.record import RecordMiddleware
from deepaw.server.front.shortcut import ShortcutMiddleware
from deepaw.server.scheduler.interface import Scheduler

DESCRIPTION = "Electron densities and interatomic potentials. Every error is JSON with one sentence as `error`."


KEY = {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Needed from other machines"}


class Application(FastAPI):
    """An application whose OpenAPI document says that requests from this machine need no key."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        document = super().openapi()
        document["components"]["securitySchemes"] = {"key": KEY}
        document["security"] = [{}, {"key": []}]
        return document


def create_app(scheduler: Scheduler, config: FrontConfig) -> FastAPI:
    """An application that answers from `scheduler`, which others start and stop."""
    app = Application(
        title="DeePAW",
        description=DESCRIPTION,
        version=__version__,
        responses=DOCUMENTED,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.name}{route.path.replace('/', '_')}",
    )
    metrics = Metrics(scheduler.state, scheduler.models)
    app.state.context = Context(scheduler, config, metrics, Desk(scheduler))
    for group in (state, models, predict, infer, structures, jobs, page):
        app.include_router(group.router)
    handle_errors(app)
    limits = config.limits
    app.add_middleware(ShortcutMiddleware)
    app.add_middleware(BodyMiddleware, limits=limits)
    app.add_middleware(AccessMiddleware, config=config)
    app.add_middleware(RecordMiddleware, metrics=metrics, most=limits.requests, send_seconds=limits.send_seconds)
    return app
