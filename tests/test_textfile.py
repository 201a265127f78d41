"""Text files in several encodings: what is read, and what is said of the others."""

import codecs
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.density.data.names import read_names
from deepaw.errors import InputError
from deepaw.gpaw.parameters import read_parameters
from deepaw.inputfile import Section, read_input_file
from deepaw.potential.data.types import read_type_map, read_types
from deepaw.potential.files.yamltree import read_yaml
from deepaw.potential.shortrange.table import read_table
from deepaw.server.process.keys import read_keys
from deepaw.textfile import decoded, open_numbers, open_text, read_text

TEXT = "水 1.0\n氢 2.0\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    ],
)
def test_marked_encodings_are_read(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    assert read_text(path) == TEXT
    with open_text(path) as file:
        assert list(file) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ab\nc 氧化镁\n".encode("gbk"), "line 2 cannot be read as UTF-8 (byte 0xd1 at column 3)"),
        ("ab\n".encode("utf-16-le"), "line 1 cannot be read as UTF-8 (a zero byte at column 2, as UTF-16 has)"),
        ("ab\n".encode("utf-16-be"), "line 1 cannot be read as UTF-8 (a zero byte at column 1, as UTF-16 has)"),
        (b"ab\n" + "水".encode()[:2], "line 2 cannot be read as UTF-8"),
        (b"a\n" * 9000 + b"\xff", "line 9001 cannot be read as UTF-8"),
        (codecs.BOM_UTF16_LE + b"abc", "has the byte-order mark of UTF-16 and cannot be read as that"),
    ],
)
def test_other_encodings_are_refused_by_the_line(tmp_path, content, said):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert f"{path}" in str(caught.value)
    assert said in str(caught.value)
    assert str(caught.value).endswith("as UTF-8.")


def test_missing_file_is_the_callers_matter(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none")


def test_open_file_stays_open():
    binary = io.BytesIO("a\n".encode("utf-16"))
    with decoded(binary, "it") as text:
        assert text.read() == "a\n"
    assert not binary.closed


def test_comments_beside_numbers_may_be_in_any_encoding(tmp_path):
    path = tmp_path / "CHGCAR"
    path.write_bytes("氧化镁\n1.0\n".encode("gbk"))
    with open_numbers(path) as file:
        assert file.readlines()[1] == "1.0\n"
    path.write_bytes("MgO\n1.0\n".encode("utf-16"))
    with open_numbers(path) as file:
        assert file.readlines() == ["MgO\n", "1.0\n"]
    path.write_bytes("MgO\n1.0\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="line 1 cannot be read as UTF-8"):
        open_numbers(path)


class Named(Section):
    name: str


@dataclass(frozen=True)
class Reader:
    """One of what reads files that people write, a file for it with a line of Chinese, and what comes of it."""

    read: Callable[[Path], Any]
    name: str
    text: str
    expected: Any


READERS = {
    "input file": Reader(
        lambda path: read_input_file(path, Named), "input.json", '{"_": "注释",\n"name": "水"}', Named(name="水")
    ),
    "GPAW's parameters": Reader(
        read_parameters, "gpaw.json", '{"mode": "pw",\n"txt": "日志.txt"}', {"mode": "pw", "txt": "日志.txt"}
    ),
    "list of names": Reader(read_names, "names.txt", "a\n氧化镁\n", ["a", "氧化镁"]),
    "keys": Reader(read_keys, "keys", "# 密钥\n0123456789abcdef\n", ["0123456789abcdef"]),
    "table": Reader(
        lambda path: read_table(path, ["O"]).rows, "table.txt", "# 距离\n1.0 2.0\n1.5 0.0\n", [[1.0, 2.0], [1.5, 0.0]]
    ),
    "model as YAML": Reader(read_yaml, "model.yaml", "a: 1\nb: 水\n", {"a": 1, "b": "水"}),
    "types": Reader(lambda path: read_types(path.parent), "type.raw", "0\n1\n", [0, 1]),
    "type map": Reader(lambda path: read_type_map(path.parent), "type_map.raw", "O\n氢\n", ("O", "氢")),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
class TestReaders:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_reads_utf8_and_what_is_marked(self, tmp_path, reader, encoding):
        path = tmp_path / reader.name
        path.write_bytes(reader.text.encode(encoding))
        assert np.all(reader.read(path) == reader.expected)

    @pytest.mark.parametrize("encoding", ["gbk", "utf-16-le"])
    def test_refuses_others(self, tmp_path, reader, encoding):
        path = tmp_path / reader.name
        path.write_bytes((reader.text + "\n注释").encode(encoding))
        with pytest.raises(InputError) as caught:
            reader.read(path)
        assert str(caught.value).startswith(f"{path}, line ")
        assert "cannot be read as UTF-8" in str(caught.value)
        assert str(caught.value).endswith("; save the file as UTF-8.")
