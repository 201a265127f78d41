"""The leaves below `@variables`, which files store in their own ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEY = "@variables"


def map_variables(node: Any, change: Callable[[Any], Any], *, inside: bool = False) -> Any:
    """A copy of the tree in which every leaf below `@variables` that is not None is changed.

    Objects with `@is_variable`, as YAML files write arrays, are leaves. Dicts and lists are copied, leaves are not.
    """
    if isinstance(node, dict):
        if node.get("@is_variable"):
            return change(node)
        return {name: map_variables(value, change, inside=inside or name == KEY) for name, value in node.items()}
    if isinstance(node, list):
        return [map_variables(value, change, inside=inside) for value in node]
    return change(node) if inside and node is not None else node
