"""Conversion of networks and layers between DeePMD-kit's files and modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepaw.potential.files.fields import Fields
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.layer import Layer

COLLECTION_VERSION, NETWORK_VERSION, LAYER_VERSION = 1, 2, 2
"""Newest supported versions of these objects."""

LINEAR = ("none", "linear")


@dataclass(frozen=True)
class LayerValues:
    """Weights of a layer: w (inputs, outputs), b (outputs,) or None, idt (outputs,) or None.

    activation, residual: as in the file. fields: the object of the layer, for error messages.
    """

    w: np.ndarray
    b: np.ndarray | None
    idt: np.ndarray | None
    activation: str
    residual: bool
    fields: Fields


Network = list[LayerValues]


def read_collection(fields: Fields, ntypes: int, ndim: int, widths: Sequence[int]) -> list[Network | None]:
    """Read networks in the order of the file, with index sum_i type_i ntypes^i; None for those that are never used.

    ndim: number of types of a network's index. widths: of the input and of every layer.
    """
    fields.check_version(COLLECTION_VERSION)
    fields.expect("ndim", ndim)
    fields.expect("ntypes", ntypes)
    fields.ignore("network_type")
    networks = fields.take_list("networks")
    fields.finish()
    if len(networks) != ntypes**ndim:
        raise fields.error(f"has {len(networks)} entries where {ntypes**ndim} belong", "networks")
    return [
        None
        if network is None
        else read_network(Fields(network, fields.file, f"{fields.place}.networks[{index}]"), widths)
        for index, network in enumerate(networks)
    ]


def read_network(fields: Fields, widths: Sequence[int]) -> Network:
    """Read one network; widths as for `read_collection`."""
    fields.check_version(NETWORK_VERSION)
    # every layer repeats these
    fields.ignore("in_dim", "out_dim", "neuron", "activation_function", "resnet_dt", "bias", "bias_out", "precision")
    layers = fields.take_list("layers")
    fields.finish()
    if len(layers) != len(widths) - 1:
        raise fields.error(f"has {len(layers)} entries where {len(widths) - 1} belong", "layers")
    return [
        read_layer(Fields(layer, fields.file, f"{fields.place}.layers[{index}]"), widths[index], widths[index + 1])
        for index, layer in enumerate(layers)
    ]


def read_layer(fields: Fields, inputs: int, outputs: int) -> LayerValues:
    """Read one layer."""
    fields.check_version(LAYER_VERSION)
    fields.ignore("bias", "use_timestep", "precision", "trainable")
    values = LayerValues(
        fields.array("w", (inputs, outputs)),
        _vector(fields, "b", outputs),
        _vector(fields, "idt", outputs),
        str(fields.take("activation_function", "none")),
        bool(fields.take("resnet", False)),
        fields,
    )
    fields.finish()
    return values


def _vector(fields: Fields, key: str, size: int) -> np.ndarray | None:
    values = fields.optional_array(key)
    if values is not None and values.size != size:
        raise fields.error(f"has {values.size} values where {size} belong", f"@variables.{key}")
    return None if values is None else values.reshape(size)


def has_timestep(networks: Sequence[Network | None]) -> bool:
    """Return whether any layer has an `idt`."""
    return any(layer.idt is not None for network in networks if network for layer in network)


def load_embedding(nets: EmbeddingNets, networks: Sequence[Network | None]) -> None:
    """Load the weights of embedding nets, one for each of the networks; those of a network that is None become 0."""
    for position, layer in enumerate(_layers(nets)):
        for index, network in enumerate(networks):
            _load(layer, None if network is None else network[position], index)


def load_fitting(net: FittingNet, network: Network) -> None:
    """Load the weights of a fitting net."""
    load_layers(_layers(net), network)


def load_layers(layers: Iterable[nn.Module], network: Network) -> None:
    """Load the weights of the layers of one network."""
    for layer, values in zip(layers, network, strict=True):
        assert isinstance(layer, Layer)
        _load(layer, values)


@torch.no_grad()
def _load(layer: Layer, values: LayerValues | None, index: int | None = None) -> None:
    """Load the weights of a layer, or of net `index` of a layer of several nets; None: set them to 0."""

    def select(parameter: Tensor) -> Tensor:
        return parameter if index is None else parameter[index]

    if values is None:
        for parameter in layer.parameters():
            select(parameter).zero_()
        return
    _check(layer, values)
    select(layer.w).copy_(torch.from_numpy(values.w))
    if layer.b is not None:
        select(layer.b).copy_(torch.from_numpy(np.zeros(values.w.shape[1]) if values.b is None else values.b))
    if layer.idt is not None:
        select(layer.idt).copy_(torch.from_numpy(np.ones(values.w.shape[1]) if values.idt is None else values.idt))


def _check(layer: Layer, values: LayerValues) -> None:
    """Raise InputError for a layer of the file that differs in kind from the module's."""
    fields, (inputs, outputs) = values.fields, values.w.shape
    activations = {values.activation.lower(), layer.activation.lower()}
    if len(activations) > 1 and not activations <= set(LINEAR):
        raise fields.error(f"is {values.activation!r}, where the other layers have {layer.activation!r}",
                           "activation_function")  # fmt: skip
    if values.residual != bool(layer.copies) and outputs in (inputs, 2 * inputs):
        raise fields.error(f"is {values.residual}, which is not supported for this layer", "resnet")
    if values.idt is not None and layer.idt is None:
        raise fields.error("is there, in a layer that is not residual, which is not supported", "@variables.idt")
    if values.b is not None and layer.b is None:
        raise fields.error("is there, in a network that says it has none", "@variables.b")


def write_collection(networks: list[dict[str, Any]], ntypes: int, ndim: int, kind: str) -> dict[str, Any]:
    """Return the object of a collection of networks; kind: 'embedding_network' or 'fitting_network'."""
    return {
        "@class": "NetworkCollection",
        "@version": COLLECTION_VERSION,
        "ndim": ndim,
        "ntypes": ntypes,
        "network_type": kind,
        "networks": networks,
    }


def write_embedding(nets: EmbeddingNets, common: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one object for each net; common: the keys activation_function, resnet_dt, precision."""
    return [write_embedding_layers(_layers(nets), common, index) for index in range(nets.networks)]


def write_embedding_layers(
    layers: Iterable[nn.Module], common: dict[str, Any], index: int | None = None
) -> dict[str, Any]:
    """Return the object of one embedding net, or of net `index` of layers of several nets.

    common: as for `write_embedding`.
    """
    net_layers = [layer for layer in layers if isinstance(layer, Layer)]
    return {
        "@class": "EmbeddingNetwork",
        "@version": 2,
        "in_dim": net_layers[0].w.shape[-2],
        "neuron": [layer.w.shape[-1] for layer in net_layers],
        "bias": net_layers[0].b is not None,
        **common,
        "layers": [write_layer(layer, True, common["precision"], index) for layer in net_layers],
    }


def write_fitting(net: FittingNet, common: dict[str, Any]) -> dict[str, Any]:
    """Return the object of a fitting net; common: as for `write_embedding`."""
    *hidden, last = _layers(net)
    return {
        "@class": "FittingNetwork",
        "@version": 1,
        "in_dim": (hidden or [last])[0].w.shape[0],
        "out_dim": last.w.shape[1],
        "neuron": [layer.w.shape[1] for layer in hidden],
        "bias_out": True,
        **common,
        "layers": [
            *(write_layer(layer, True, common["precision"]) for layer in hidden),
            write_layer(last, False, common["precision"]),
        ],
    }


def write_layer(layer: Layer, residual: bool, precision: str, index: int | None = None) -> dict[str, Any]:
    """Return the object of a layer, or that of net `index` of a layer of several nets."""

    def to_numpy(parameter: Tensor | None) -> np.ndarray | None:
        if parameter is None:
            return None
        array: np.ndarray = (parameter if index is None else parameter[index]).detach().cpu().numpy()
        return array

    b, idt = to_numpy(layer.b), to_numpy(layer.idt)
    return {
        "@class": "Layer",
        "@version": LAYER_VERSION,
        "bias": b is not None,
        "use_timestep": idt is not None,
        "activation_function": layer.activation,
        "resnet": residual,
        "precision": precision,
        "trainable": layer.w.requires_grad,
        "@variables": {
            "w": to_numpy(layer.w),
            "b": None if b is None else b.ravel(),
            "idt": None if idt is None else idt.ravel(),
        },
    }


def _layers(net: nn.Module) -> list[Layer]:
    layers: Any = net.layers
    return list(layers)
