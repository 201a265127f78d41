"""Imports among modules, read from their source: which modules import which, and circles of imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path


def imports_of(root: Path) -> dict[str, set[str]]:
    """Return the modules that each module below a folder imports, of those that are there.

    All imports count: those at the top, in functions and under TYPE_CHECKING. An import of a name of a package is one
    of the package, unless the name is a module in it.
    """
    paths = {".".join(path.relative_to(root).with_suffix("").parts): path for path in root.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    return {
        module: {name for name in _imported(module, path, modules) if name != module}
        for module, path in modules.items()
    }


def find_circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, however indirectly (Tarjan, SIAM J. Comput. 1, 146)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    circles: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        path.append(module)
        for imported in sorted(graph[module]):
            if imported not in index:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in path:
                lowest[module] = min(lowest[module], index[imported])
        if lowest[module] == index[module]:
            group = path[path.index(module) :]
            del path[-len(group) :]
            if len(group) > 1 or module in graph[module]:
                circles.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return circles


def _imported(module: str, path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name in modules:
                    yield name.name
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*parent, *([node.module] if node.module else [])])
            for name in node.names:
                full = f"{source}.{name.name}"
                if full in modules:
                    yield full
                elif source in modules:
                    yield source
