"""Fitting nets of a frozen graph as objects of the tree of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.graph.networks import Network, activation_of, precision_of, read_fitting, widths_of

SCOPE = "fitting_attr"

STATISTICS = {
    "fparam_avg": "t_fparam_avg",
    "fparam_inv_std": "t_fparam_istd",
    "aparam_avg": "t_aparam_avg",
    "aparam_inv_std": "t_aparam_istd",
}
"""Constants of parameters by their names in model files."""


def read_energy_fitting(graph: Graph, ntypes: int) -> dict[str, Any]:
    """Return the object of the fitting nets of energies, whose `bias_atom_e` are all energies of types."""
    content, networks = read_nets(graph, ntypes)
    bias, std = _output_statistics(graph, ntypes)
    energies = graph.optional_array(f"{SCOPE}/t_bias_atom_e")
    energies = np.zeros(ntypes) if energies is None else energies.astype(np.float64).reshape(-1)
    if energies.size != ntypes:
        raise graph.error(f"{SCOPE}/t_bias_atom_e has {energies.size} values; it should have one for each type")
    if content["mixed_types"] and (std != std[0]).any():
        raise graph.error("t_out_std differs from type to type, which is not supported for a net of all types")
    factors = std[:1] if content["mixed_types"] else std
    for network, factor in zip(networks, factors, strict=True):
        scale_outputs(network, float(factor))
    fixed = _subtracts_isolated_atom(graph, ntypes, content["mixed_types"])
    if content["mixed_types"] and any(fixed) and "type_embed_net/matrix_1" in graph:
        raise graph.error(
            "atom_ener beside an embedding of types is not supported: this backend subtracts another energy"
        )
    return {
        **content,
        "type": "ener",
        "atom_ener": [float(energies[kind]) if fixed[kind] else None for kind in range(ntypes)] if any(fixed) else [],
        "@variables": {**content["@variables"], "bias_atom_e": energies * std + bias},
    }


def _output_statistics(graph: Graph, ntypes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is added to the energies of types, eV, and the factor before that, (ntypes,) each."""
    bias, std = (output_statistic(graph, name) for name in ("bias", "std"))
    bias = np.zeros(ntypes) if bias is None else bias.reshape(-1)
    std = np.ones(ntypes) if std is None else std.reshape(-1)
    if not bias.size == std.size == ntypes:
        raise graph.error(f"t_out_bias has {bias.size} values; it should have one for each of the {ntypes} types")
    return bias, std


def output_statistic(graph: Graph, name: str) -> np.ndarray | None:
    """Return the constant t_out_bias or t_out_std, float64, if the graph has it; name: bias or std."""
    for scope in ("model_attr/model_attr", "model_attr"):
        values = graph.optional_array(f"{scope}/t_out_{name}")
        if values is not None:
            return values.astype(np.float64)
    return None


def _subtracts_isolated_atom(graph: Graph, ntypes: int, is_shared: bool) -> list[bool]:
    """Return for each type whether its net is evaluated twice: at the descriptor, and at 0, which is subtracted."""
    suffixes = [""] * ntypes if is_shared else [f"_type_{kind}" for kind in range(ntypes)]
    matrices = [f"final_layer{suffix}/matrix" for suffix in suffixes]
    return [sum(graph.operation(name) == "MatMul" for name in graph.consumers(matrix)) > 1 for matrix in matrices]


def read_dipole_fitting(graph: Graph, ntypes: int) -> dict[str, Any]:
    """Return the object of the fitting nets of dipoles."""
    content, _ = read_nets(graph, ntypes)
    return {**content, "type": "dipole", "exclude_types": unselected_types(graph, ntypes)}


def unselected_types(graph: Graph, ntypes: int) -> list[int]:
    """Return the types without a tensor."""
    selected = graph.array("model_attr/sel_type").reshape(-1).tolist()
    return [kind for kind in range(ntypes) if kind not in selected]


def read_nets(graph: Graph, ntypes: int) -> tuple[dict[str, Any], list[Network | None]]:
    """Return the common fields of all fitting nets, and the nets: one of each type, or one of all."""
    if any(name.startswith("share_") for name in graph.names):
        raise graph.error("fitting nets share layers (layer_name), which is not supported")
    networks = [read_fitting(graph, f"_type_{kind}") for kind in range(ntypes)]
    is_shared = not any(networks)
    if is_shared:
        networks = [read_fitting(graph, "")]
    if not any(networks):
        raise graph.error("there are no fitting nets final_layer*/matrix")
    counts = {name: graph.optional_array(f"{SCOPE}/d{name}") for name in ("fparam", "aparam")}
    first = next(network for network in networks if network)
    content = {
        "neuron": widths_of(networks)[:-1],
        "activation_function": activation_of(networks),
        "precision": precision_of(first),
        "resnet_dt": any(layer["@variables"].get("idt") is not None for layer in first["layers"]),
        "mixed_types": is_shared,
        # graphs of the first versions have no parameters
        **{f"numb_{name}": 0 if count is None else int(count.sum()) for name, count in counts.items()},
        "nets": {"ndim": 0 if is_shared else 1, "networks": networks},
        "@variables": {name: graph.optional_array(f"{SCOPE}/{constant}") for name, constant in STATISTICS.items()},
    }
    return content, networks


def scale_outputs(network: Network | None, factor: float) -> None:
    """Multiply the outputs of a net."""
    if network is not None and factor != 1:
        variables = network["layers"][-1]["@variables"]
        for name in ("w", "b"):
            variables[name] = variables[name] * factor
