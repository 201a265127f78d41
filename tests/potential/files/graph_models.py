"""Frozen graphs in `peer_graphs/` with results of DeePMD-kit (see `peer_graphs/make_graph_references.py`)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from deepaw.potential.files.graph.messages import GRAPH
from potential.files.references import read_structures

FOLDER = Path(__file__).parent / "peer_graphs"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/ref.npz"))


@cache
def content(case: str, suffix: str = ".pb") -> bytes:
    """Return the content of the graph of a case, binary or, with the suffix .pbtxt, as text."""
    return gzip.decompress((FOLDER / case / f"graph{suffix}.gz").read_bytes())


def unpack(case: str, folder: Path, suffix: str = ".pb") -> Path:
    """Write the graph of a case into a folder, and return its path."""
    path = folder / f"{case}{suffix}"
    path.write_bytes(content(case, suffix))
    return path


def edited(case: str, folder: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Write a changed graph into a folder, and return its path; edit: takes the nodes by their names.

    Nodes that it removes from the dict are not written.
    """
    graph = GRAPH.FromString(content(case))
    nodes = {node.name: node for node in graph.node}
    edit(nodes)
    written = GRAPH()
    written.node.extend(nodes.values())
    path = folder / f"{case}.pb"
    path.write_bytes(written.SerializeToString())
    return path


@cache
def structures(case: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the structures of a case with reference results."""
    return read_structures(FOLDER / case / "ref.npz")
