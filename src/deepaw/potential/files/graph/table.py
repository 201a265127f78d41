"""A table of pair energies at short range in a frozen graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepaw.potential.files.graph.fittings import output_statistic
from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.shortrange import table_from_splines, zbl_object

OPERATION = "SoftMinSwitch"
SECTION = {"smin_alpha": "alpha", "sw_rmin": "rmin", "sw_rmax": "rmax"}
"""Attributes of the operation by the keys of the section `model`."""


def read_table(graph: Graph, network: dict[str, Any], script: dict[str, Any]) -> dict[str, Any]:
    """Return the object of a model with its table, if the graph has one, or else the object of the network.

    script: section `model` of the training script, or an empty dict.
    """
    switches = [name for name in graph.names if graph.operation(name) == OPERATION]
    if not switches:
        return network
    info, data = graph.array("model_attr/t_tab_info").reshape(-1), graph.array("model_attr/t_tab_data")
    ntypes = len(network["type_map"])
    pieces = int(info[2]) if info.size > 3 and info[3] == ntypes else 0
    if pieces < 1 or data.size != ntypes**2 * pieces * 4:
        raise graph.error(f"model_attr/t_tab_data is not a table for {ntypes} types")
    for name, expected in (("bias", 0), ("std", 1)):
        statistic = output_statistic(graph, name)
        if statistic is not None and (statistic != expected).any():
            raise graph.error(f"t_out_{name} is not {expected}, which is not supported beside a table of pair energies")
    variables = network["fitting"]["@variables"]
    if script.get("srtab_add_bias", True):
        energies = variables["bias_atom_e"].reshape(1, ntypes, 1)
        network["fitting"]["@variables"] = {**variables, "bias_atom_e": np.zeros(ntypes)}
        network["@variables"] = {"out_bias": energies}
    section = {key: graph.floating(switches[0], attribute) for key, attribute in SECTION.items()}
    parts = network["descriptor"].get("list", [network["descriptor"]])
    rcut = max(part["rcut"] for part in parts)
    return zbl_object(network, table_from_splines(info, data.reshape(ntypes, ntypes, pieces, 4)), section, rcut)
