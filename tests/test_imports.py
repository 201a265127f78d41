"""No module imports one that imports it, however indirectly, and not for types either."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports import find_circles, imports_of

SOURCE = Path(__file__).parents[1] / "src"


def test_the_package_has_no_circles() -> None:
    graph = imports_of(SOURCE)
    assert len(graph) > 200 and "deepaw.potential.pairs.operator" in graph["deepaw.potential.pairs.reference"]
    assert find_circles(graph) == []


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"a"}}, [["a"]]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}}, [["a", "b", "c"], ["d", "e"]]),
        ({"d": {"c"}, "c": {"b"}, "b": {"c", "a"}, "a": set()}, [["b", "c"]]),
    ],
)
def test_circles_of_a_graph(graph: dict[str, set[str]], circles: list[list[str]]) -> None:
    assert sorted(find_circles(graph)) == circles


@pytest.mark.parametrize(
    "line",
    [
        "from package.one import something",
        "from package import one",
        "import package.one",
        "from . import one",
        "from .one import something",
        "def function():\n    from package.one import something",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package.one import something",
    ],
)
def test_imports_of_every_kind_count(line: str, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("import math\nimport package.two\nsomething = 1\n")
    (folder / "two.py").write_text(line + "\n")
    graph = imports_of(tmp_path)
    assert graph == {"package": set(), "package.one": {"package.two"}, "package.two": {"package.one"}}
    assert find_circles(graph) == [["package.one", "package.two"]]
