"""Networks of a frozen graph as objects of the tree of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepaw.potential.files.graph.graph import Graph

ACTIVATIONS = {
    "Tanh": "tanh",
    "Relu": "relu",
    "Relu6": "relu6",
    "Softplus": "softplus",
    "Gelu": "gelu",
    "GeluCustom": "gelu",
    "Reshape": "linear",
}
"""Activation functions by the operation after the bias; others consist of several operations."""

SUMS = ("BiasAdd", "Add", "AddV2")
"""Operations that add a bias, of all versions."""

Network = dict[str, Any]


def read_embedding(graph: Graph, scope: str, suffix: str = "") -> Network | None:
    """Return the embedding net with layers `<scope>/{matrix,bias,idt}_<layer><suffix>`, or None if there is none."""
    layers: list[dict[str, Any]] = []
    while f"{scope}/matrix_{len(layers) + 1}{suffix}" in graph:
        names = {part: f"{scope}/{part}_{len(layers) + 1}{suffix}" for part in ("matrix", "bias", "idt")}
        layers.append(_read_layer(graph, names))
    return {"layers": layers} if layers else None


def read_fitting(graph: Graph, suffix: str) -> Network | None:
    """Return the fitting net with layers `{layer_<layer>,final_layer}<suffix>/{matrix,bias,idt}`, or None.

    Raises InputError: a hidden layer that is twice as wide as the one before.
    """
    if f"final_layer{suffix}/matrix" not in graph:
        return None
    layers: list[dict[str, Any]] = []
    while f"layer_{len(layers)}{suffix}/matrix" in graph:
        scope = f"layer_{len(layers)}{suffix}"
        layer = _read_layer(graph, _names_in(scope))
        inputs, outputs = layer["@variables"]["w"].shape
        # the first layer has no residual, whatever its widths
        layer["resnet"] = bool(layers) and inputs == outputs
        if not layer["resnet"] and outputs in (inputs, 2 * inputs):
            raise graph.error(
                f"{scope} has {inputs} inputs and {outputs} outputs without a residual, which is not supported"
            )
        layers.append(layer)
    return {"layers": [*layers, read_linear(graph, [f"final_layer{suffix}"])]}


def _names_in(scope: str) -> dict[str, str]:
    return {part: f"{scope}/{part}" for part in ("matrix", "bias", "idt")}


def read_linear(graph: Graph, scopes: list[str]) -> dict[str, Any]:
    """Return linear layers `<scope>/{matrix,bias}` of the same inputs as one layer, with their outputs in a row."""
    layers = [_read_weights(graph, _names_in(scope)) for scope in scopes]
    if len({len(layer["w"]) for layer in layers}) > 1 or any(layer["b"] is None for layer in layers):
        raise graph.error(f"{', '.join(scopes)} are not layers of the same inputs with biases")
    w, b = (np.concatenate([layer[name] for layer in layers], axis=-1) for name in ("w", "b"))
    return {"activation_function": "none", "resnet": False, "@variables": {"w": w, "b": b}}


def _read_layer(graph: Graph, names: dict[str, str]) -> dict[str, Any]:
    """Return the object of a residual layer; names: of its matrix, its bias and its timestep."""
    variables = _read_weights(graph, names)
    inputs, outputs = variables["w"].shape
    idt = graph.optional_array(names["idt"])
    # DeePMD-kit has a timestep in every layer, and uses that of residual layers
    variables["idt"] = None if idt is None or outputs not in (inputs, 2 * inputs) else idt.reshape(-1)
    return {"activation_function": _activation(graph, names["matrix"]), "resnet": True, "@variables": variables}


def _read_weights(graph: Graph, names: dict[str, str]) -> dict[str, Any]:
    w, b = graph.array(names["matrix"]), graph.optional_array(names["bias"])
    if w.ndim != 2:
        raise graph.error(f"the constant {names['matrix']} has the shape {w.shape}; it should be a matrix")
    return {"w": w, "b": None if b is None else b.reshape(-1)}


def _activation(graph: Graph, matrix: str) -> str:
    """Return the name of the activation function of the layer with a matrix, by the operations after it."""
    products = [name for name in graph.consumers(matrix) if graph.operation(name) == "MatMul"]
    sums = [name for product in products for name in graph.consumers(product) if graph.operation(name) in SUMS]
    argument = next(iter([*sums, *products]), matrix)
    operations = {graph.operation(name): name for name in graph.consumers(argument)}
    if "Less" in operations:
        thresholds = [graph.optional_array(name) for name in graph.inputs(operations["Less"])]
        numbers = [float(array.reshape(-1)[0]) for array in thresholds if array is not None and array.size == 1]
        if len(numbers) == 1:
            return f"silut:{numbers[0]}"
    elif "Sigmoid" in operations:
        times_argument = any(
            graph.operation(name) == "Mul" and argument in graph.inputs(name)
            for name in graph.consumers(operations["Sigmoid"])
        )
        return "silu" if times_argument else "sigmoid"
    elif "Pow" in operations:
        return "gelu_tf"
    for operation, name in ACTIVATIONS.items():
        if set(operations) == {operation}:
            return name
    found = ", ".join(sorted(operations)) or "nothing"
    raise graph.error(f"the activation function after {matrix}, {found}, is not known")


def precision_of(network: Network) -> str:
    """Return the type of numbers of a network, such as 'float64'."""
    return str(network["layers"][0]["@variables"]["w"].dtype)


def activation_of(networks: list[Network | None]) -> str:
    """Return the activation function of the first layer of networks that has one after it; 'tanh' without layers."""
    for network in networks:
        for layer in network["layers"] if network else []:
            if layer["activation_function"] != "none":
                return str(layer["activation_function"])
    return "tanh"


def widths_of(networks: list[Network | None]) -> list[int]:
    """Return the widths of the layers of the first network; empty if there is none."""
    network = next((network for network in networks if network), None)
    return [layer["@variables"]["w"].shape[1] for layer in network["layers"]] if network else []


def collection(networks: list[Network | None], ndim: int) -> dict[str, Any]:
    """Return the keys that nets determine, and their object."""
    first = next(network for network in networks if network)
    return {
        "neuron": widths_of(networks),
        "activation_function": activation_of(networks),
        "precision": precision_of(first),
        "embeddings": {"ndim": ndim, "networks": networks},
    }


def read_type_embedding(graph: Graph, ntypes: int) -> dict[str, Any] | None:
    """Return the object of the embedding of types, or None if the graph has none."""
    network = read_embedding(graph, "type_embed_net")
    if network is None:
        return None
    first = network["layers"][0]["@variables"]
    return {
        "neuron": widths_of([network]),
        "activation_function": activation_of([network]),
        "precision": precision_of(network),
        "use_tebd_bias": first["b"] is not None,
        "use_econf_tebd": first["w"].shape[0] != ntypes,
        "resnet_dt": any(layer["@variables"]["idt"] is not None for layer in network["layers"]),
        "embedding": network,
    }
