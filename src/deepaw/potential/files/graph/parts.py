"""Descriptors of a frozen graph: the operations that find environments, with their attributes and statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepaw.potential.files.graph.graph import Graph

ANGULAR = ("ProdEnvMatA", "DescrptSeA", "DescrptNorot")
RADIAL = ("ProdEnvMatR", "DescrptSeR")
ATTENTION = ("ProdEnvMatAMix",)
FRAMES = ("Descrpt",)
MASKED = ("DescrptSeAMask",)
"""Operations that find the environments of atoms, of all versions of DeePMD-kit."""


@dataclass(frozen=True)
class Part:
    """A descriptor, or one of a hybrid.

    operation: node that finds environments. suffix: of the names of its constants, such as '_0' in a hybrid.
    section: its section in the training script, or an empty one. ntypes: number of types.
    """

    operation: str
    suffix: str
    section: dict[str, Any]
    ntypes: int


def find_parts(graph: Graph, sections: list[dict[str, Any]], ntypes: int) -> list[Part]:
    """Return the descriptors of a graph in the order of their outputs; sections: of the training script, if any."""
    known = (*ANGULAR, *RADIAL, *ATTENTION, *FRAMES, *MASKED)
    parts = []
    for name in graph.names:
        operation = graph.operation(name)
        if operation in known:
            parts.append(Part(name, _suffix(graph, name), {}, ntypes))
        elif operation.startswith(("ProdEnvMat", "Descrpt")):
            raise graph.error(
                f"{operation}, which finds the environments of atoms, belongs to an unsupported descriptor"
            )
    if not parts:
        raise graph.error("no operation finds the environments of atoms; it is not a frozen model of DeePMD-kit")
    parts.sort(key=lambda part: [int(number) for number in part.suffix.split("_") if number.isdigit()])
    if not sections:
        return parts
    if len(sections) != len(parts):
        raise graph.error(f"has {len(parts)} descriptors, and its training script has {len(sections)}")
    return [replace(part, section=section) for part, section in zip(parts, sections, strict=True)]


def _suffix(graph: Graph, operation: str) -> str:
    """Return the suffix of the constants of a part: that of its statistics."""
    scope, slash, _ = statistics_names(graph, operation)[0].partition("/")
    return scope.removeprefix("descrpt_attr") if slash and scope.startswith("descrpt_attr") else ""


def statistics_names(graph: Graph, operation: str) -> tuple[str, str]:
    """Return the names of the constants davg and dstd of a part, inputs of its operation; empty if it has none."""
    inputs = graph.inputs(operation)
    if graph.operation(operation) in MASKED or len(inputs) < 7:
        return "", ""
    return graph.source(inputs[5]), graph.source(inputs[6])


def read_environment(graph: Graph, part: Part, rcut: str, rcut_smth: str, sel: str) -> dict[str, Any]:
    """Return the cutoffs, the slots and the statistics; the arguments are the names of attributes of the operation."""
    node, suffix = part.operation, part.suffix
    outer, inner = graph.floating(node, rcut), graph.floating(node, rcut_smth)
    slots = graph.integers(node, sel)
    original = graph.optional_array(f"descrpt_attr{suffix}/original_sel")
    if original is not None and int(original.sum()) != sum(slots):
        raise graph.error(f"sel is {slots} and was {original.tolist()} before, which is not supported")
    davg, dstd = (graph.array(name) for name in statistics_names(graph, node))
    return {
        # DeePMD-kit computes the width of the switch in float32
        "rcut": inner + float(np.float32(outer) - np.float32(inner)),
        "rcut_smth": inner,
        "sel": slots,
        "set_davg_zero": not davg.any(),
        "exclude_types": [],
        "@variables": {"davg": davg, "dstd": dstd},
    }


def axis_neuron(graph: Graph, part: Part) -> int:
    """Return the width of the second factor of the product A^T A[:, :axis_neuron]."""
    for name in graph.names:
        inputs = graph.inputs(name)
        if not graph.operation(name).startswith("BatchMatMul") or not graph.flag(name, "adj_x") or len(inputs) != 2:
            continue
        slice_inputs = graph.inputs(inputs[1])
        if graph.operation(inputs[1]) != "Slice" or len(slice_inputs) != 3 or slice_inputs[0] != inputs[0]:
            continue
        if part.operation in graph.upstream(name):
            return int(graph.array(slice_inputs[2]).reshape(-1)[-1:].sum())
    raise graph.error(f"the product that makes the descriptor of {part.operation} is missing")


def excluded_pairs(graph: Graph, part: Part) -> list[list[int]]:
    """Return the pairs of types that a mask excludes, from the training script."""
    pairs = part.section.get("exclude_types") or []
    numbers = range(part.ntypes)
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(kind in numbers for kind in pair) for pair in pairs
    ):
        raise graph.error(f"exclude_types of its training script is {pairs!r}; it should be pairs of types")
    if not part.section and _has_mask(graph, part):
        raise graph.error("a mask excludes pairs of types, and there is no training script that says which")
    return pairs


def _has_mask(graph: Graph, part: Part) -> bool:
    """Return whether a table of pairs of types, of 0 and 1, is looked up."""
    for name in graph.names:
        if not graph.operation(name).startswith("Gather"):
            continue
        for source in map(graph.source, graph.inputs(name)[:1]):
            for table in (source, *graph.inputs(source)[:1]):
                values = graph.optional_array(table)
                if values is not None and values.dtype.kind == "f" and values.shape == (part.ntypes, part.ntypes):
                    return True
    return False
