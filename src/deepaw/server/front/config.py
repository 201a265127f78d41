"""What the application is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deepaw.server.messages.limits import MessageLimits

MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What one request may bring and take.

    body: bytes; json: bytes of JSON, which takes much more memory than it has bytes; bodies: bytes of all bodies that
    are being received or worked on. atoms: of all frames together. points: of a grid, or points. answer_points: of a
    grid that is answered in one piece; more must be streamed. listed: numbers of an answer in JSON lists, which others
    have to wait for while they are written. seconds: until an answer is there; body_seconds: for the
    body to come in; send_seconds: for a piece of the answer to be taken.
    """

    body: int = 256 * MB
    json: int = 16 * MB
    bodies: int = 1024 * MB
    json_values: int = 1_000_000
    json_levels: int = 250_000
    atoms: int = 200_000
    points: int = 1_000_000_000
    answer_points: int = 50_000_000
    listed: int = 250_000
    seconds: float = 3600.0
    body_seconds: float = 60.0
    send_seconds: float = 120.0
    requests: int = 1000
    message: MessageLimits = field(default_factory=MessageLimits)


@dataclass(frozen=True)
class FrontConfig:
    """keys: any of them opens the server. require_key: 'remote', from addresses that are not loopback; 'always', over
    TCP at all. data_dirs: where databases and models may lie, over TCP. batch_size: as started with, for /status.
    replica: one of several that answer for one another, and therefore keep their models.
    """

    keys: tuple[str, ...] = ()
    require_key: Literal["remote", "always"] = "remote"
    data_dirs: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    batch_size: int = 0
    replica: bool = False
