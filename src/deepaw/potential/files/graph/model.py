"""Reading of frozen graphs of DeePMD-kit's TensorFlow backend: `.pb`, and `.pbtxt`, the same as text.

What the graph itself says counts, as DeePMD-kit evaluates it: the sizes and values of its constants, and the
attributes and the order of its operations. The training script, which graphs since 2.0 have, names what constants do
not show: excluded types, scales, settings of attention.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.files.container import Tree
from deepaw.potential.files.deepmd import CLOSEST_KEY, FIXED_SLOTS_KEY, model_of
from deepaw.potential.files.graph.descriptors import read_part
from deepaw.potential.files.graph.fittings import read_dipole_fitting, read_energy_fitting
from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.graph.networks import read_type_embedding
from deepaw.potential.files.graph.parts import find_parts
from deepaw.potential.files.graph.polar import read_polar_fitting
from deepaw.potential.files.graph.table import read_table
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.typenames import placeholder_names

OUTPUTS = {"ener": 1, "dipole": 3, "polar": 9}
"""Size of the output of each type of model."""


def read_graph(path: str | Path) -> AtomicModel:
    """Read the model of a frozen graph; it keeps DeePMD-kit's rule for more neighbours than `sel`.

    Raises InputError: no such file, no frozen graph, a damaged one, or a model that is not supported.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is no file; give a frozen graph of DeePMD-kit (.pb, .pbtxt).")
    graph = Graph(path)
    return model_of(_tree(graph), str(path))


def _tree(graph: Graph) -> Tree:
    """Return the tree of a model file."""
    script = _script(graph)
    _check_supported(graph, script)
    kind = graph.text("model_attr/model_type") or "ener"
    if kind not in OUTPUTS:
        raise graph.error(f"is a model of type {kind!r}, which is not supported; it should be ener, dipole or polar")
    type_map = _type_map(graph)
    ntypes = len(type_map)
    types = read_type_embedding(graph, ntypes)
    section = script.get("descriptor", {})
    sections = section.get("list", [section]) if section else []
    parts = find_parts(graph, sections, ntypes)
    if types is not None and len(parts) > 1:
        raise graph.error("is a hybrid with an embedding of types, which is not supported")
    descriptors = [read_part(graph, part, types) for part in parts]
    descriptor = descriptors[0] if len(descriptors) == 1 else {"type": "hybrid", "list": descriptors}
    if kind == "ener":
        fitting = read_energy_fitting(graph, ntypes)
    elif kind == "dipole":
        fitting = read_dipole_fitting(graph, ntypes)
    else:
        fitting = read_polar_fitting(graph, ntypes, script.get("fitting_net", {}))
    content = {
        "type": "standard",
        "type_map": type_map,
        "descriptor": descriptor,
        "fitting": fitting,
        "@variables": {"out_bias": np.zeros((1, ntypes, OUTPUTS[kind]))},
    }
    closest = graph.optional_array("train_attr/min_nbor_dist")
    return {
        "software": "deepmd-kit",
        "backend": "TensorFlow",
        FIXED_SLOTS_KEY: all(part["type"] not in ("loc_frame", "se_a_mask") for part in descriptors),
        "model": read_table(graph, content, script),
        **({"model_def_script": script} if script else {}),
        "@variables": {} if closest is None else {CLOSEST_KEY: closest},
    }


def _script(graph: Graph) -> dict[str, Any]:
    """Return the section `model` of the training script, or an empty dict if there is none."""
    text = graph.text("train_attr/training_script")
    if text is None:
        return {}
    try:
        section = json.loads(text)["model"]
        parts = [section["descriptor"], *section["descriptor"].get("list", []), section["fitting_net"]]
        if not all(isinstance(part, dict) for part in parts):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise graph.error("its training script has no model with a descriptor and a fitting_net") from None
    return dict(section)


def _check_supported(graph: Graph, script: dict[str, Any]) -> None:
    """Raise InputError for a graph whose nets are gone, or that adds terms which are not supported."""
    operations = {graph.operation(name) for name in graph.names}
    if any(operation.startswith("Tabulate") for operation in operations):
        raise graph.error(
            "is a compressed model: tables stand in place of its embedding nets, which are gone; give the model that "
            "'dp compress' was given"
        )
    if any(operation.endswith("Nvnmd") for operation in operations):
        raise graph.error("is a model for NVNMD, with quantised numbers, which is not supported")
    for scope, term in (("modifier_attr/type", "electrostatics (modifier)"), ("spin_attr/ntypes_spin", "spins")):
        if scope in graph:
            raise graph.error(f"is a model with {term}, which is not supported")
    kind = script.get("type", "standard")
    if kind != "standard":
        raise graph.error(f"is a model of type {kind!r}, which is not supported; it should be standard")


def _type_map(graph: Graph) -> list[str]:
    """Return the names of the types; placeholders in graphs without them."""
    names = (graph.text("model_attr/tmap") or "").split()
    for constant in ("descrpt_attr/ntypes", "t_ntypes"):
        count = graph.optional_array(constant)
        if count is not None and count.size == 1:
            ntypes = int(count.sum())
            if names and len(names) != ntypes:
                raise graph.error(f"{constant} is {ntypes}, and model_attr/tmap names {len(names)} types")
            if not 0 < ntypes < 1000:
                raise graph.error(f"{constant} is {ntypes}; the file is damaged")
            return names or list(placeholder_names(ntypes))
    raise graph.error("the constant descrpt_attr/ntypes is missing; it is not a frozen model of DeePMD-kit")
