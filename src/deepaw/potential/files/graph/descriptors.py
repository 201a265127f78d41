"""Descriptors of a frozen graph as objects of the tree of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepaw.potential.files.graph.attention import read_attention
from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.graph.networks import (
    Network,
    activation_of,
    collection,
    read_embedding,
    widths_of,
)
from deepaw.potential.files.graph.parts import (
    ATTENTION,
    FRAMES,
    MASKED,
    RADIAL,
    Part,
    axis_neuron,
    excluded_pairs,
    read_environment,
    statistics_names,
)

ZERO_AT_ZERO = ("tanh", "relu", "relu6", "gelu", "gelu_tf", "silu", "linear")
"""Activation functions that are 0 at 0."""


def read_part(graph: Graph, part: Part, type_embedding: dict[str, Any] | None) -> dict[str, Any]:
    """Return the object of a descriptor.

    type_embedding: object of the embedding of types, if the graph has one. Raises InputError: not supported, damaged.
    """
    operation = graph.operation(part.operation)
    if operation in FRAMES:
        return _read_frames(graph, part)
    if operation in ATTENTION:
        return read_attention(graph, part, type_embedding)
    if operation in MASKED:
        if "sel" not in part.section:
            raise graph.error("there is no training script with sel, which se_a_mask needs")
        sel = part.section["sel"]
        nets = _read_nets(graph, part, masks_slots=False)
        return {"type": "se_a_mask", "sel": sel, "axis_neuron": axis_neuron(graph, part), **nets}
    if operation in RADIAL:
        common = read_environment(graph, part, "rcut", "rcut_smth", "sel")
        return {**common, "type": "se_r", **_read_nets(graph, part, masks_slots=not common["set_davg_zero"])}
    common = read_environment(graph, part, "rcut_r", "rcut_r_smth", "sel_a")
    scope = f"filter_type_all{part.suffix}"
    if f"{scope}/matrix_1_0_0" in graph:
        return {**common, "type": "se_e3", **_read_triples(graph, part)}
    if any(f"{scope}/matrix_1_{side}_side_ebd" in graph for side in ("one", "two")):
        raise graph.error("se_e2_a has a net of types of its own (tebd_input_mode strip), which is not supported")
    common |= {"type": "se_e2_a", "axis_neuron": axis_neuron(graph, part)}
    if type_embedding is not None and f"{scope}/matrix_1" in graph:
        return {**common, **_read_typed(graph, part, common, type_embedding)}
    return {**common, **_read_nets(graph, part, masks_slots=not common["set_davg_zero"])}


def _read_frames(graph: Graph, part: Part) -> dict[str, Any]:
    node = part.operation
    davg, dstd = (graph.array(name) for name in statistics_names(graph, node))
    return {
        "type": "loc_frame",
        "rcut": graph.floating(node, "rcut_r"),
        **{name: graph.integers(node, name) for name in ("sel_a", "sel_r", "axis_rule")},
        "@variables": {"davg": davg, "dstd": dstd},
    }


def _read_nets(graph: Graph, part: Part, *, masks_slots: bool) -> dict[str, Any]:
    """Return the nets of pairs of types, or of types of neighbours, and the keys that belong to them.

    masks_slots: whether an empty slot of an excluded type differs from other empty ones. DeePMD-kit masks it with one
    net for each type of neighbour; nets of pairs give the same.
    """
    ntypes, suffix, is_radial = part.ntypes, part.suffix, graph.operation(part.operation) in RADIAL
    pairs = [(centre, neighbour) for neighbour in range(ntypes) for centre in range(ntypes)]
    networks = [read_embedding(graph, f"filter_type_{centre}{suffix}", f"_{other}") for centre, other in pairs]
    one_side = not any(networks)
    if one_side:
        networks = [read_embedding(graph, f"filter_type_all{suffix}", f"_{other}") for other in range(ntypes)]
        excluded = {
            pair for first, second in excluded_pairs(graph, part) for pair in ((first, second), (second, first))
        }
        if None in networks:
            raise graph.error(f"there is no embedding net filter_type_all{suffix}/matrix_1_{networks.index(None)}")
        if excluded and masks_slots:
            one_side = False
            networks = [_excluded_net(networks[pair[1]], is_radial) if pair in excluded else networks[pair[1]]
                        for pair in pairs]  # fmt: skip
    else:
        excluded = {pair for pair, network in zip(pairs, networks, strict=True) if network is None}
        if any(pair[::-1] not in excluded for pair in excluded):
            raise graph.error(f"some embedding nets filter_type_*{suffix}/matrix_1_* are missing")
    if excluded and not one_side and (masks_slots or is_radial):
        _check_zero_nets(graph, networks)
    return collection(networks, 1 if one_side else 2) | {
        "type_one_side": one_side,
        "exclude_types": sorted([first, second] for first, second in excluded if first <= second),
    }


def _excluded_net(network: Network | None, is_radial: bool) -> Network | None:
    """Return what an excluded neighbour adds to sums: nothing, or for distances the value of its net at 0."""
    if network is None or not is_radial:
        return None
    first, *others = network["layers"]
    variables = first["@variables"]
    return {"layers": [{**first, "@variables": {**variables, "w": np.zeros_like(variables["w"])}}, *others]}


def _check_zero_nets(graph: Graph, networks: list[Network | None]) -> None:
    """Raise InputError unless a net whose weights are 0 is 0, and one whose first weights are 0 is constant."""
    activation, widths = activation_of(networks), widths_of(networks)
    if activation not in ZERO_AT_ZERO or widths[0] in (1, 2):
        raise graph.error(
            f"exclude_types with the activation function {activation} and a first width of {widths[0]} is not supported"
        )


def _read_triples(graph: Graph, part: Part) -> dict[str, Any]:
    types = range(part.ntypes)
    scope = f"filter_type_all{part.suffix}"
    networks = [read_embedding(graph, scope, f"_{first}_{second}") for second in types for first in types]
    missing = [(t, u) for u in types for t in types if t <= u and networks[t + part.ntypes * u] is None]
    if missing:
        raise graph.error(f"the embedding net {scope}/matrix_1_{missing[0][0]}_{missing[0][1]} is missing")
    used = next(network for network in networks if network)
    # those of (t, u) with t > u are never used
    return collection([network or used for network in networks], 2)


def _read_typed(graph: Graph, part: Part, common: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    network = read_embedding(graph, f"filter_type_all{part.suffix}")
    assert network is not None
    width = types["neuron"][-1]
    inputs = network["layers"][0]["@variables"]["w"].shape[0]
    excluded = excluded_pairs(graph, part)
    if excluded and not common["set_davg_zero"]:
        raise graph.error("exclude_types beside type_embedding is not supported unless set_davg_zero is true")
    return collection([network], 0) | {
        "type_one_side": inputs == 1 + width,
        "exclude_types": excluded,
        "type_embedding": types,
    }
