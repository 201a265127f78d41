"""Files that are damaged or no frozen graphs, and the ways numbers are stored in constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.files.formats import read_model
from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.graph.messages import GRAPH
from potential.files.graph_models import content, edited

MATRIX = "filter_type_0/matrix_1_0"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_model(path)
    text = str(error.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


@pytest.mark.parametrize("suffix", [".pb", ".pbtxt"])
@pytest.mark.parametrize("data", [b"", b"\x00", b"anything", b"\xff" * 100, bytes(range(256)) * 40, b"node {" * 5000])
def test_other_files(data: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data)
    refusal(path)


@pytest.mark.parametrize("suffix", [".pb", ".pbtxt"])
def test_files_that_are_cut_short(suffix: str, tmp_path: Path) -> None:
    whole, path = content("one_side", suffix), tmp_path / f"model{suffix}"
    for part in (0.05, 0.3, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        refusal(path)


def test_damaged_bytes(tmp_path: Path) -> None:
    """A file with wrong bytes is read or refused; nothing else happens."""
    whole, path, random = content("pairs"), tmp_path / "model.pb", np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 40):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            read_model(path)
        except InputError as error:
            assert str(path) in str(error)


def test_no_file(tmp_path: Path) -> None:
    assert "is no file" in refusal(tmp_path / "model.pb")
    (tmp_path / "folder.pb").mkdir()
    assert "is no file" in refusal(tmp_path / "folder.pb")


def tensor_of(nodes: dict[str, Any], name: str = MATRIX) -> Any:
    return nodes[name].attr["value"].tensor


def test_damaged_constants(tmp_path: Path) -> None:
    def nan(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).tensor_content = np.array([[1.0, np.nan, 2.0]]).tobytes()

    def huge(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).tensor_shape.dim[1].size = 2**40

    def huge_and_empty(nodes: dict[str, Any]) -> None:
        tensor = tensor_of(nodes)
        tensor.tensor_content = b""
        tensor.tensor_shape.dim[1].size = 2**40

    def negative(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).tensor_shape.dim[1].size = -3

    def short(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).tensor_content = b"\x00" * 9

    def text(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).dtype = 7

    def unknown(nodes: dict[str, Any]) -> None:
        tensor_of(nodes).dtype = 77

    def flat(nodes: dict[str, Any]) -> None:
        del tensor_of(nodes).tensor_shape.dim[0]

    def loop(nodes: dict[str, Any]) -> None:
        nodes["descrpt_attr/t_avg/read"].input[0] = "descrpt_attr/t_avg/read"

    def no_cutoff(nodes: dict[str, Any]) -> None:
        del nodes["ProdEnvMatA"].attr["rcut_r"]

    def infinite_cutoff(nodes: dict[str, Any]) -> None:
        nodes["ProdEnvMatA"].attr["rcut_r"].f = np.inf

    def wrong_sel(nodes: dict[str, Any]) -> None:
        nodes["ProdEnvMatA"].attr["sel_a"].list.i[:] = [12, 21]

    for edit, expected in (
        (nan, f"{MATRIX} holds values that are not finite numbers; the file is damaged"),
        (huge, f"{MATRIX} has the shape (1, 1099511627776) and holds 3 numbers; the file is damaged"),
        (huge_and_empty, f"{MATRIX} has the shape (1, 1099511627776) and holds 0 numbers; the file is damaged"),
        (negative, f"{MATRIX} has the shape (1, -3) and holds 3 numbers; the file is damaged"),
        (short, f"{MATRIX} is cut short; the file is damaged"),
        (text, f"{MATRIX} is of the type DT_STRING, which is not supported"),
        (unknown, f"{MATRIX} is of the type 77, which is not supported"),
        (flat, f"{MATRIX} has the shape (3,); it should be a matrix"),
        (loop, "the constant descrpt_attr/t_avg/read is missing"),
        (no_cutoff, "the operation ProdEnvMatA has no rcut_r; the file is damaged"),
        (infinite_cutoff, "rcut_r of the operation ProdEnvMatA is inf; the file is damaged"),
        (wrong_sel, "sel is [12, 21] and was [12, 20] before"),
    ):
        assert expected in refusal(edited("pairs", tmp_path, edit))


def constant(tmp_path: Path, shape: tuple[int, ...], **fields: Any) -> np.ndarray:
    """Return the numbers of a constant of the given fields as they are read."""
    graph = GRAPH()
    node = graph.node.add(name="constant", op="Const")
    tensor = node.attr["value"].tensor
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    (tmp_path / "graph.pb").write_bytes(graph.SerializeToString())
    return Graph(tmp_path / "graph.pb").array("constant")


def test_how_numbers_are_stored(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0], [0.25, 3.0]])
    numbers = values.reshape(-1).tolist()
    halves = values.astype(np.float16).view(np.uint16).reshape(-1).tolist()
    upper = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    for fields in (
        {"dtype": 2, "tensor_content": values.tobytes()},
        {"dtype": 2, "double_val": numbers},
        {"dtype": 1, "float_val": numbers},
        {"dtype": 1, "tensor_content": values.astype(np.float32).tobytes()},
        {"dtype": 19, "half_val": halves},
        {"dtype": 14, "half_val": upper.reshape(-1).tolist()},
        {"dtype": 14, "tensor_content": upper.tobytes()},
    ):
        assert (constant(tmp_path, (2, 2), **fields) == values).all(), fields
    assert constant(tmp_path, (), dtype=3, int_val=[7]) == 7
    assert (constant(tmp_path, (3,), dtype=9, int64_val=[2, 5]) == [2, 5, 5]).all()
    assert (constant(tmp_path, (2, 3), dtype=2, double_val=[4.0]) == np.full((2, 3), 4.0)).all()
    assert (constant(tmp_path, (2,), dtype=2) == 0).all()
    assert constant(tmp_path, (0, 4), dtype=2).shape == (0, 4)
