"""Conversion of networks in DeePMD-kit's checkpoints to their objects in `.dp` files."""

from __future__ import annotations

from typing import Any

import numpy as np


def read_networks(tensors: dict[str, np.ndarray], prefix: str, activation: str) -> list[dict[str, Any]]:
    """Return the networks with layers `<prefix><network>.layers.<layer>.{matrix,bias,idt}`, all of one activation."""
    networks: list[dict[str, Any]] = []
    while f"{prefix}{len(networks)}.layers.0.matrix" in tensors:
        networks.append(read_network(tensors, f"{prefix}{len(networks)}.", activation))
    return networks


def read_network(tensors: dict[str, np.ndarray], prefix: str, activation: str) -> dict[str, Any]:
    """Return the network with layers `<prefix>layers.<layer>.{matrix,bias,idt}`."""
    layers: list[dict[str, Any]] = []
    while f"{prefix}layers.{len(layers)}.matrix" in tensors:
        layers.append(read_layer(tensors, f"{prefix}layers.{len(layers)}.", activation, residual=True))
    return {"layers": layers}


def read_layer(tensors: dict[str, np.ndarray], prefix: str, activation: str, *, residual: bool) -> dict[str, Any]:
    """Return the layer `<prefix>{matrix,bias,idt}`."""
    w, b, idt = (tensors.get(prefix + entry) for entry in ("matrix", "bias", "idt"))
    return {"activation_function": activation, "resnet": residual, "@variables": {"w": w, "b": b, "idt": idt}}
