"""Conversion of the leaves below `@variables`, the arrays of a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEY = "@variables"


def map_variables(node: Any, change: Callable[[Any], Any], *, inside: bool = False) -> Any:
    """Return a copy of a tree with `change` applied to every leaf below `@variables` that is not None.

    Objects with `@is_variable`, the arrays of YAML files, are leaves. Dicts and lists are copied, leaves are not.
    inside: whether the node is below `@variables`.
    """
    if isinstance(node, dict):
        if node.get("@is_variable"):
            return change(node)
        return {name: map_variables(value, change, inside=inside or name == KEY) for name, value in node.items()}
    if isinstance(node, list):
        return [map_variables(value, change, inside=inside) for value in node]
    return change(node) if inside and node is not None else node
