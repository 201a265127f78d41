"""The log: one JSON object a line, in a file that is renamed when it is full."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from deepaw.server.faults import place_of

SIZE, FILES = 10_000_000, 5

_USUAL = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """time, level, logger and message, and what else a line was given; of an exception its kind and place alone."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().strip(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _USUAL}
        if record.exc_info is not None and record.exc_info[1] is not None:
            line["fault"] = place_of(record.exc_info[1])
        return json.dumps(line, separators=(",", ":"), default=str)


class PatientFileHandler(RotatingFileHandler):
    """A line that cannot be written, since the disk is full, is lost, and nothing else."""

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802
        """Whether the file is full; a line more than fits is no harm, and saves writing out each of them twice."""
        return int(self.stream is not None and self.stream.tell() >= self.maxBytes)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing: there is nowhere to say so."""

    def close(self) -> None:
        """What is left cannot be written either."""
        with suppress(OSError):
            super().close()


def log_to(path: Path) -> None:
    """Let all loggers write to a file."""
    handler = PatientFileHandler(path, maxBytes=SIZE, backupCount=FILES, encoding="utf-8", delay=True)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
