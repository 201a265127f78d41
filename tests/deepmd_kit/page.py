"""Rows of the tables in docs/deepmd-kit.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "deepmd-kit.md"


def table(section: str, number: int) -> dict[str, str]:
    """Return the second column of a table by the code in the first; number: of the table in the section, from 0."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    rows = tables[number].splitlines()[2:]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert all(re.fullmatch(r" `[^`]+` ", first) for first, _ in cells), cells
    return {first.strip(" `"): second.strip() for first, second in cells}
