"""Reading and writing of the tree of a DeePMD-kit model file, in any of its file formats.

A tree is nested dicts and lists of JSON values. Below keys named `@variables` its leaves are NumPy arrays or None.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.potential.files.hdf5tree import read_hdf5, write_hdf5
from deepaw.potential.files.yamltree import read_yaml, write_yaml

READERS = {".dp": read_hdf5, ".yaml": read_yaml, ".yml": read_yaml}
WRITERS = {".dp": write_hdf5, ".yaml": write_yaml, ".yml": write_yaml}

Tree = dict[str, Any]


def read_tree(path: str | Path) -> Tree:
    """Read the tree of a `.dp` (HDF5) or `.yaml` file; arrays keep the dtype of the file.

    Raises InputError: no such file, another type of file, a truncated or damaged one, or no model in it.
    """
    path = Path(path)
    reader = READERS.get(path.suffix)
    if reader is None:
        raise InputError(f"{path} ends with {path.suffix!r}; a DeePMD-kit model file ends with {', '.join(READERS)}.")
    if not path.exists():
        raise InputError(f"{path} does not exist; give a DeePMD-kit model file ({', '.join(READERS)}).")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a DeePMD-kit model file ({', '.join(READERS)}).")
    tree = reader(path)
    if not isinstance(tree, dict) or not isinstance(tree.get("model"), dict):
        raise InputError(f"{path} holds no model: the key 'model', which DeePMD-kit writes, is not in it.")
    return tree


def write_tree(path: str | Path, tree: Tree) -> None:
    """Write a `.dp` or `.yaml` file for DeePMD-kit; the tree is not modified.

    Raises InputError: another suffix, or a file that cannot be written; no partial file remains.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise InputError(f"{path} should end with {', '.join(WRITERS)} for a DeePMD-kit model file.")
    with output_file(path) as temporary:
        writer(temporary, tree)
