"""Lines of a heading and a text, such as summaries are made of."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print (heading, text) pairs, headings in bold."""
    console = Console(soft_wrap=True, highlight=False)
    for heading, text in rows:
        console.print(Text.assemble((f"{heading:<16}", "bold"), text))


def gap_text(gap: float | None) -> str:
    """Return a gap in eV as text."""
    return "no empty bands to tell the gap from" if gap is None else f"gap {gap:.3f} eV"
