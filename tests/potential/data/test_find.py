"""Systems below folders."""

from pathlib import Path

import pytest

from deepaw.errors import InputError
from deepaw.potential.data.find import find_systems


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four systems, two of them below another, and folders that are none."""
    for name in ("water/a", "water/b", "water/b/inner", "ice/a", "empty"):
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
    for name in ("water/a", "water/b", "water/b/inner", "ice/a"):
        (tmp_path / "data" / name / "type.raw").touch()
    return tmp_path


def relative_paths(folder: Path, *arguments, **options) -> list[str]:
    return [str(path.relative_to(folder / "data")) for path in find_systems(*arguments, folder, **options)]


def test_a_string_is_searched(folder):
    assert relative_paths(folder, "data") == ["ice/a", "water/a", "water/b", "water/b/inner"]
    assert relative_paths(folder, "data/water/a") == ["water/a"]
    assert relative_paths(folder, str(folder / "data" / "ice")) == ["ice/a"]


def test_entries_of_a_list_are_searched_in_their_order(folder):
    assert relative_paths(folder, ["data/water/b", "data/ice", "data/ice/a"]) == [
        "water/b",
        "water/b/inner",
        "ice/a",
        "ice/a",
    ]


def test_patterns(folder):
    assert relative_paths(folder, "data", patterns=["a", "water/*"]) == ["ice/a", "water/a", "water/b"]


@pytest.mark.parametrize(
    ("systems", "patterns", "said"),
    [
        ("nowhere", None, "There is no folder"),
        (["data/ice", "data/empty"], None, "data/empty, that is no folder with type.raw."),
        ("data", ["fire*", "air"], "no folder with type.raw that matches fire* or air."),
        ("data", ["/root"], "The pattern '/root' cannot be searched for"),
        ([], None, "The list of systems is empty"),
    ],
)
def test_nothing_found(folder, systems, patterns, said):
    with pytest.raises(InputError) as caught:
        find_systems(systems, folder, patterns)
    assert said in str(caught.value)
