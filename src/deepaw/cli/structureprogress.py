"""Lines about many structures that are calculated one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from deepaw.gpaw.tasks import TaskProgress


def print_progress(progress: TaskProgress) -> None:
    """Print that a structure is finished, or why it is not."""
    outcome = "done" if progress.failure is None else f"failed: {progress.failure}"
    typer.echo(f"{progress.done}/{progress.total} {progress.name} {outcome}")


def print_failures(failures: Mapping[str, str]) -> None:
    """Print which structures failed, on stderr."""
    if failures:
        count = f"{len(failures)} structure{'s' * (len(failures) != 1)}"
        typer.echo(f"warning: {count} failed and left out: {', '.join(failures)}", err=True)
