"""How every command ends: 0, or one sentence and 2 for a wrong input, or 130 after Ctrl-C."""

from __future__ import annotations

import sys
import warnings

import typer

from deepaw.errors import InputError


def run(app: typer.Typer) -> None:
    """Run `app` on the process's arguments and exit; warnings take one line on stderr."""
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
