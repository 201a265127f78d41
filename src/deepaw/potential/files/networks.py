"""Networks of DeePMD-kit's files, and ours."""

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

COLLECTION, NETWORK, LAYER = 1, 2, 2
"""The newest versions of these objects that are known."""

LINEAR = ("none", "linear")


@dataclass(frozen=True)
class LayerValues:
    """w (inputs, outputs), b (outputs,) or None, idt (outputs,) or None; activation and residual as the file says."""

    w: np.ndarray
    b: np.ndarray | None
    idt: np.ndarray | None
    activation: str
    residual: bool
    fields: Fields


Network = list[LayerValues]


def read_collection(fields: Fields, ntypes: int, ndim: int, widths: Sequence[int]) -> list[Network | None]:
    """The networks in the order of the file, index sum_i type_i ntypes^i; None for those that are never used.

    widths: of the input and of every layer.
    """
    fields.version(COLLECTION)
    fields.expect("ndim", ndim)
    fields.expect("ntypes", ntypes)
    fields.ignore("network_type")
    networks = fields.each("networks")
    fields.end()
    if len(networks) != ntypes**ndim:
        raise fields.error(f"has {len(networks)} entries where {ntypes**ndim} belong", "networks")
    return [
        None
        if network is None
        else read_network(Fields(network, fields.file, f"{fields.place}.networks[{index}]"), widths)
        for index, network in enumerate(networks)
    ]


def read_network(fields: Fields, widths: Sequence[int]) -> Network:
    """One network alone; widths as for `read_collection`."""
    fields.version(NETWORK)
    # what these say, every layer says again
    fields.ignore("in_dim", "out_dim", "neuron", "activation_function", "resnet_dt", "bias", "bias_out", "precision")
    layers = fields.each("layers")
    fields.end()
    if len(layers) != len(widths) - 1:
        raise fields.error(f"has {len(layers)} entries where {len(widths) - 1} belong", "layers")
    return [
        read_layer(Fields(layer, fields.file, f"{fields.place}.layers[{index}]"), widths[index], widths[index + 1])
        for index, layer in enumerate(layers)
    ]


def read_layer(fields: Fields, inputs: int, outputs: int) -> LayerValues:
    """One layer alone."""
    fields.version(LAYER)
    fields.ignore("bias", "use_timestep", "precision", "trainable")
    values = LayerValues(
        fields.array("w", (inputs, outputs)),
        _vector(fields, "b", outputs),
        _vector(fields, "idt", outputs),
        str(fields.take("activation_function", "none")),
        bool(fields.take("resnet", False)),
        fields,
    )
    fields.end()
    return values


def _vector(fields: Fields, key: str, size: int) -> np.ndarray | None:
    values = fields.optional_array(key)
    if values is not None and values.size != size:
        raise fields.error(f"has {values.size} values where {size} belong", f"@variables.{key}")
    return None if values is None else values.reshape(size)


def has_timestep(networks: Sequence[Network | None]) -> bool:
    """Whether any layer has an `idt`."""
    return any(layer.idt is not None for network in networks if network for layer in network)


def load_embedding(nets: EmbeddingNets, networks: Sequence[Network | None]) -> None:
    """Fill embedding nets, one for each of the networks; a network that is None is 0."""
    for position, layer in enumerate(_layers(nets)):
        for index, network in enumerate(networks):
            _load(layer, None if network is None else network[position], index)


def load_fitting(net: FittingNet, network: Network) -> None:
    """Fill a fitting net."""
    load_layers(_layers(net), network)


def load_layers(layers: Iterable[nn.Module], network: Network) -> None:
    """Fill layers that are one network."""
    for layer, values in zip(layers, network, strict=True):
        assert isinstance(layer, Layer)
        _load(layer, values)


@torch.no_grad()
def _load(layer: Layer, values: LayerValues | None, index: int | None = None) -> None:
    def part(parameter: Tensor) -> Tensor:
        return parameter if index is None else parameter[index]

    if values is None:
        for parameter in layer.parameters():
            part(parameter).zero_()
        return
    _check(layer, values)
    part(layer.w).copy_(torch.from_numpy(values.w))
    if layer.b is not None:
        part(layer.b).copy_(torch.from_numpy(np.zeros(values.w.shape[1]) if values.b is None else values.b))
    if layer.idt is not None:
        part(layer.idt).copy_(torch.from_numpy(np.ones(values.w.shape[1]) if values.idt is None else values.idt))


def _check(layer: Layer, values: LayerValues) -> None:
    fields, (inputs, outputs) = values.fields, values.w.shape
    same = values.activation.lower() == layer.activation.lower()
    if not same and not {values.activation.lower(), layer.activation.lower()} <= set(LINEAR):
        raise fields.error(f"is {values.activation!r}, where the other layers have {layer.activation!r}",
                           "activation_function")  # fmt: skip
    if values.residual != bool(layer.copies) and outputs in (inputs, 2 * inputs):
        raise fields.error(f"is {values.residual}, which is not supported for this layer", "resnet")
    if values.idt is not None and layer.idt is None:
        raise fields.error("is there, in a layer that is not residual, which is not supported", "@variables.idt")
    if values.b is not None and layer.b is None:
        raise fields.error("is there, in a network that says it has none", "@variables.b")


def write_collection(networks: list[dict[str, Any]], ntypes: int, ndim: int, kind: str) -> dict[str, Any]:
    """kind: 'embedding_network' or 'fitting_network'."""
    return {
        "@class": "NetworkCollection",
        "@version": COLLECTION,
        "ndim": ndim,
        "ntypes": ntypes,
        "network_type": kind,
        "networks": networks,
    }


def write_embedding(nets: EmbeddingNets, common: dict[str, Any]) -> list[dict[str, Any]]:
    """One object for each net; common: the keys activation_function, resnet_dt, precision."""
    return [write_embedding_layers(_layers(nets), common, index) for index in range(nets.networks)]


def write_embedding_layers(
    layers: Iterable[nn.Module], common: dict[str, Any], index: int | None = None
) -> dict[str, Any]:
    """The object of layers that are one embedding net, or the net `index` of several; common as above."""
    known = [layer for layer in layers if isinstance(layer, Layer)]
    return {
        "@class": "EmbeddingNetwork",
        "@version": 2,
        "in_dim": known[0].w.shape[-2],
        "neuron": [layer.w.shape[-1] for layer in known],
        "bias": known[0].b is not None,
        **common,
        "layers": [write_layer(layer, True, common["precision"], index) for layer in known],
    }


def write_fitting(net: FittingNet, common: dict[str, Any]) -> dict[str, Any]:
    """The object of a fitting net; common as for `write_embedding`."""
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
    """The object of a layer, or of the layer of net `index` of several."""

    def part(parameter: Tensor | None) -> np.ndarray | None:
        if parameter is None:
            return None
        values: np.ndarray = (parameter if index is None else parameter[index]).detach().cpu().numpy()
        return values

    b, idt = part(layer.b), part(layer.idt)
    return {
        "@class": "Layer",
        "@version": LAYER,
        "bias": b is not None,
        "use_timestep": idt is not None,
        "activation_function": layer.activation,
        "resnet": residual,
        "precision": precision,
        "trainable": layer.w.requires_grad,
        "@variables": {
            "w": part(layer.w),
            "b": None if b is None else b.ravel(),
            "idt": None if idt is None else idt.ravel(),
        },
    }


def _layers(net: nn.Module) -> list[Layer]:
    layers: Any = net.layers
    return list(layers)
