import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.files.container import read_tree, write_tree
from potential.files.peer_models import path_of

TREE: dict[str, Any] = {
    "software": "deepaw",
    "model": {
        "type": "standard",
        "sel": [1, 2],
        "@variables": {"w": np.arange(6.0).reshape(2, 3) / 7, "none": None, "list": [np.float32([1.5])]},
        "layers": [{"@variables": {"b": np.array([1, 2])}}],
    },
    "@variables": {"closest": np.array(0.7)},
}


@pytest.mark.parametrize("suffix", [".dp", ".yaml", ".yml"])
def test_round_trip_of_trees(suffix: str, tmp_path: Path) -> None:
    write_tree(tmp_path / f"model{suffix}", TREE)
    tree = read_tree(tmp_path / f"model{suffix}")
    model = tree["model"]
    assert model["sel"] == [1, 2] and model["@variables"]["none"] is None
    for found, right in (
        (model["@variables"]["w"], TREE["model"]["@variables"]["w"]),
        (model["@variables"]["list"][0], np.float32([1.5])),
        (model["layers"][0]["@variables"]["b"], np.array([1, 2])),
        (tree["@variables"]["closest"], np.array(0.7)),
    ):
        assert found.dtype == right.dtype and found.shape == right.shape
        np.testing.assert_array_equal(found, right)


def test_layout_of_hdf5_is_that_of_deepmd_kit(tmp_path: Path) -> None:
    write_tree(tmp_path / "model.dp", TREE)
    with h5py.File(tmp_path / "model.dp") as file:
        described = json.loads(file.attrs["json"])
        assert described["model"]["@variables"] == {"w": "/variable_0000", "none": None, "list": ["/variable_0001"]}
        assert sorted(file) == ["variable_0000", "variable_0001", "variable_0002", "variable_0003"]


def test_writing_leaves_the_tree_alone(tmp_path: Path) -> None:
    write_tree(tmp_path / "model.dp", TREE)
    assert isinstance(TREE["model"]["@variables"]["w"], np.ndarray)


def test_yaml_may_hold_bare_numbers_as_variables(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text('model: {type: standard}\n"@variables": {min_nbor_dist: 0.5}\n')
    assert read_tree(path)["@variables"]["min_nbor_dist"] == np.array(0.5)


def _refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_tree(path)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text and text.endswith(".")


def test_files_that_are_not_models(tmp_path: Path) -> None:
    _refused(tmp_path / "model.dp", "does not exist")
    (tmp_path / "folder.dp").mkdir()
    _refused(tmp_path / "folder.dp", "is a folder")
    text = tmp_path / "text.dp"
    text.write_text("not HDF5")
    _refused(text, "not an HDF5 file")
    (tmp_path / "empty.dp").touch()
    _refused(tmp_path / "empty.dp", "not an HDF5 file")
    _refused(tmp_path / "model.txt", r"ends with '\.txt'")


def test_hdf5_files_without_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.dp"
    with h5py.File(path, "w") as file:
        file["a"] = 1.0
    _refused(path, "without the attribute 'json'")
    for wrong, match in (("{", "not the JSON"), ("[1]", "holds no model"), ('{"software": 1}', "holds no model")):
        with h5py.File(path, "a") as file:
            file.attrs["json"] = wrong
        _refused(path, match)


@pytest.mark.parametrize("name", ["/gone", "/group", 3, "/text"])
def test_missing_datasets(name: object, tmp_path: Path) -> None:
    path = tmp_path / "model.dp"
    with h5py.File(path, "w") as file:
        file.create_group("group")
        file["text"] = "text"
        file.attrs["json"] = json.dumps({"model": {"@variables": {"w": name}}})
    _refused(path, "where numbers belong" if name == "/text" else "has no dataset")


def test_truncated_files(tmp_path: Path) -> None:
    whole = path_of("one_side").read_bytes()
    path = tmp_path / "model.dp"
    path.write_bytes(whole[: len(whole) // 2])
    _refused(path, "is cut short")
    write_tree(tmp_path / "model.yaml", read_tree(path_of("one_side")))
    text = (tmp_path / "model.yaml").read_text()
    (tmp_path / "model.yaml").write_text(text[: text.rindex("value") + 2])
    _refused(tmp_path / "model.yaml", "not YAML, or is cut short")


@pytest.mark.parametrize(
    ("array", "match"),
    [
        ("{'@is_variable': true, dtype: float64, value: [[1, 2], [3]]}", "not a nested list"),
        ("{'@is_variable': true, dtype: float64, value: abc}", "not a nested list"),
        ("{'@is_variable': true, dtype: object, value: [1]}", "dtype 'object'"),
        ("text", "not a nested list"),
    ],
)
def test_invalid_arrays_in_yaml(array: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(f'model:\n  "@variables":\n    w: {array}\n')
    _refused(path, match)


def test_yaml_does_not_construct_objects(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("model: !!python/object/apply:os.getcwd []\n")
    _refused(path, "not YAML")


def test_failed_writing_leaves_no_file(tmp_path: Path) -> None:
    tree = {"model": {"script": object()}}
    for name in ("model.dp", "model.yaml"):
        with pytest.raises(Exception, match="object"):
            write_tree(tmp_path / name, tree)
    with pytest.raises(InputError, match="should end with"):
        write_tree(tmp_path / "model.txt", TREE)
    assert not list(tmp_path.iterdir())
