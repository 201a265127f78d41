"""Conversion of `se_atten` and `se_atten_v2` in DeePMD-kit's checkpoints to their objects in `.dp` files."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepaw.potential.files.checkpoint_networks import read_layer, read_network, read_networks

TYPES = ("se_atten", "dpa1", "se_atten_v2")


def attention_descriptor(section: dict[str, Any], tensors: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    """Return the object of a descriptor with attention.

    section: of the input of the training. prefix: of the descriptor's tensors.
    """
    block = f"{prefix}se_atten."
    section = {name: value for name, value in section.items() if value is not None}
    stripped = section.pop("stripped_type_embedding", None)
    if stripped is not None:
        section["tebd_input_mode"] = "strip" if stripped else "concat"
    activation = section.get("activation_function", "tanh")
    nets = {
        name: {"ndim": 0, "networks": networks}
        for name, module in (("embeddings", "filter_layers"), ("embeddings_strip", "filter_layers_strip"))
        if (networks := read_networks(tensors, f"{block}{module}.networks.", activation))
    }
    type_keys = {key: section[key] for key in ("precision", "use_econf_tebd") if key in section}
    return {
        "use_tebd_bias": False,
        **section,
        **nets,
        "type_embedding": {
            "neuron": [section.get("tebd_dim", 8)],
            "activation_function": "linear",
            "use_tebd_bias": section.get("use_tebd_bias", False),
            **type_keys,
            "embedding": read_network(tensors, f"{prefix}type_embedding.embedding.embedding_net.", "linear"),
        },
        "attention_layers": {"attention_layers": _layers(tensors, f"{block}dpa1_attention.attention_layers.")},
        "@variables": {"davg": tensors.get(f"{block}mean"), "dstd": tensors.get(f"{block}stddev")},
    }


def _layers(tensors: dict[str, np.ndarray], prefix: str) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    while (start := f"{prefix}{len(layers)}.") + "attention_layer.in_proj.matrix" in tensors:
        projections = {
            name: read_layer(tensors, f"{start}attention_layer.{name}.", "none", residual=False)
            for name in ("in_proj", "out_proj")
        }
        norm = {key: tensors.get(f"{start}attn_layer_norm.{name}") for key, name in (("w", "matrix"), ("b", "bias"))}
        layers.append({"attention_layer": projections, "attn_layer_norm": {"@variables": norm}})
    return layers
