"""Fitting nets of polarizabilities in a frozen graph: their scale and shift are factors and terms after the nets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from deepaw.potential.files.graph.fittings import SCOPE, read_nets, scale_outputs, unselected_types
from deepaw.potential.files.graph.graph import Graph

STEPS = ("MatMul", "BiasAdd", "Reshape", "MatrixDiag", "BatchMatMul", "Add", "Mul")
"""Beginnings of the names of operations between the last layer of a net and the tensors."""

LONGEST = 20
"""Largest number of these operations."""


def read_polar_fitting(graph: Graph, ntypes: int, section: dict[str, Any]) -> dict[str, Any]:
    """Return the object of the fitting nets of polarizabilities; section: in the training script, or empty."""
    content, networks = read_nets(graph, ntypes)
    scale, shift = np.ones(ntypes), np.zeros(ntypes)
    if content["mixed_types"]:
        suffix = ""
        scale, shift = _scale_of_all(graph, section, ntypes), graph.array(f"{SCOPE}/t_constant_matrix").reshape(-1)
        if shift.size != ntypes:
            raise graph.error(f"{SCOPE}/t_constant_matrix has {shift.size} values; it should have one for each type")
    else:
        selected = [kind for kind in range(ntypes) if networks[kind]]
        suffix = f"_type_{selected[0]}"
        for kind in selected:
            scale[kind], shift[kind] = _scale_and_shift(graph, _path(graph, f"_type_{kind}"))
    shift = shift + _output_bias(graph, _path(graph, suffix), ntypes)
    if not scale.all():
        raise graph.error(f"the scale of polarizabilities is {scale.tolist()}; it should not be 0")
    fits_diagonal = any(graph.operation(name).startswith("MatrixDiag") for name in _path(graph, suffix))
    if not fits_diagonal:
        for network in networks:
            scale_outputs(network, 2.0)  # P + P^T here, half of it in model files
    return {
        **content,
        "type": "polar",
        "exclude_types": unselected_types(graph, ntypes),
        "fit_diag": fits_diagonal,
        "shift_diag": True,
        # the shift is not scaled here
        "@variables": {**content["@variables"], "scale": scale, "constant_matrix": shift / scale},
    }


def _path(graph: Graph, suffix: str) -> list[str]:
    """Return the operations from the last layer of a net to its tensors, in order."""
    path = [f"final_layer{suffix}/matrix"]
    for _ in range(LONGEST):
        following = [name for name in graph.consumers(path[-1]) if graph.operation(name).startswith(STEPS)]
        if not following:
            break
        path.append(following[0])
    return path


def _scale_and_shift(graph: Graph, path: list[str]) -> tuple[float, float]:
    """Return the constant factor after the products with vectors, and the factor of the unit matrix added after it.

    They are 1 and 0 where there is no such operation, as in the first versions.
    """
    scale, shift = 1.0, 0.0
    products = [index for index, name in enumerate(path) if graph.operation(name).startswith("BatchMatMul")]
    for before, name in pairwise(path[products[-1] :] if products else []):
        others = [source for source in graph.inputs(name) if source != before]
        if graph.operation(name) == "Mul" and others:
            scale = _number(graph, others[0])
        elif graph.operation(name).startswith("Add") and others:
            factors = graph.inputs(others[0]) if graph.operation(others[0]) == "Mul" else []
            numbers = [factor for factor in factors if not graph.operation(factor).startswith("MatrixDiag")]
            # another sum is that with the biases of outputs
            if len(factors) == 2 and len(numbers) == 1:
                shift = _number(graph, numbers[0])
            break
    return scale, shift


def _output_bias(graph: Graph, path: list[str], ntypes: int) -> np.ndarray:
    """Return the factor of the unit matrix that is added to the tensors of all types, (ntypes,), since version 3."""
    for before, name in pairwise(path):
        others = [source for source in graph.inputs(name) if source != before]
        if not graph.operation(name).startswith("Add") or not others or graph.operation(others[0]) != "Reshape":
            continue
        for source in (node for start in graph.inputs(others[0])[:1] for node in graph.upstream(start)):
            values = graph.optional_array(source) if graph.operation(source) == "Const" else None
            if values is not None and values.dtype.kind == "f" and values.shape == (ntypes,):
                return values.astype(np.float64)
    return np.zeros(ntypes)


def _number(graph: Graph, name: str) -> float:
    """Return the number that a constant holds, or that a slice takes from one."""
    values, position = graph.optional_array(graph.source(name)), 0
    if graph.operation(name) == "Slice" and len(graph.inputs(name)) == 3:
        table, begin, _ = graph.inputs(name)
        values, position = graph.optional_array(graph.source(table)), int(graph.array(begin).sum())
    if values is None or not 0 <= position < values.size:
        raise graph.error(f"the number at {name} is no constant")
    return float(values.reshape(-1)[position])


def _scale_of_all(graph: Graph, section: dict[str, Any], ntypes: int) -> np.ndarray:
    """Return the scale of each type in the training script, (ntypes,)."""
    scale = section.get("scale")
    values = scale if isinstance(scale, list) else [1.0 if scale is None else scale] * ntypes
    if not section or len(values) != ntypes or not all(isinstance(value, int | float) for value in values):
        raise graph.error(f"scale in its training script is {scale!r}; it should be a number for each type")
    return np.array(values, dtype=np.float64)
