"""Parameters of tests for the two halves of the suite (`pytest` and `pytest -m slow`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[str], fast: Collection[str]) -> list[Any]:
    """Return parameters of which only those in `fast` are in the fast half."""
    names = list(values)
    assert set(fast) <= set(names), fast
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]
