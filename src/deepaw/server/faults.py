"""What of an exception may stand in a log: its text may hold what a client sent, or the path of a file."""

from __future__ import annotations

from pathlib import Path


def place_of(error: BaseException) -> str:
    """The kind of an exception, and the file and line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{where}"
