"""Attention layers of `se_atten` in DeePMD-kit's model files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepaw.potential.descriptor.attention import AttentionLayer
from deepaw.potential.descriptor.se_atten import LN_EPS, SeAtten
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import Network, load_layers, read_layer, write_layer


class AttentionLayers:
    """Attention layers read from a file.

    fields: the object `attention_layers`. config: section of the descriptor. Raises InputError as `Fields`.
    """

    def __init__(self, fields: Fields, config: AttentionConfig) -> None:
        fields.check_version(1)
        self._config = config
        self._layers = []
        _expect_config(fields, config, {"layer_num": config.attn_layer})
        fields.ignore("precision", "nnei", "trainable_ln")
        layers = fields.take_list("attention_layers")
        fields.finish()
        if len(layers) != config.attn_layer:
            raise fields.error(f"has {len(layers)} entries where {config.attn_layer} belong", "attention_layers")
        for position, layer in enumerate(layers):
            inner = Fields(layer, fields.file, f"{fields.place}.attention_layers[{position}]")
            _expect_config(inner, config, {})
            inner.ignore("precision", "nnei", "trainable_ln")
            self._layers.append((inner, *self._read_layer(inner)))
            inner.finish()

    def _read_layer(self, fields: Fields) -> tuple[Network, dict[str, np.ndarray]]:
        """Return the projections into and out of the attention, and the scale and shift of the layer norm."""
        config, width = self._config, self._config.neuron[-1]
        gate, norm = fields.take_object("attention_layer"), fields.take_object("attn_layer_norm")
        _expect_config(gate, config, {"num_heads": 1, "bias": True, "smooth": config.is_smooth}, norm=False)
        gate.ignore("precision", "nnei")
        projections = [
            read_layer(gate.take_object("in_proj"), width, 3 * config.attn),
            read_layer(gate.take_object("out_proj"), config.attn, width),
        ]
        gate.finish()
        norm.check_version(1)
        norm.expect("eps", layer_norm_eps(config))
        norm.ignore("precision", "trainable")
        norm_values = {"scale": norm.array("w", (width,)), "shift": norm.array("b", (width,))}
        norm.finish()
        return projections, norm_values

    def load(self, position: int, layer: nn.Module) -> None:
        """Load the weights of the layer at a position into a module."""
        assert isinstance(layer, AttentionLayer)
        fields, projections, norm = self._layers[position]
        with errors_with_place(fields):
            load_layers((layer.into, layer.out), projections)
        for name, values in norm.items():
            getattr(layer, name).detach().copy_(torch.from_numpy(values))


def layer_norm_eps(config: AttentionConfig) -> float:
    """Return the epsilon of the layer norms."""
    return LN_EPS if config.ln_eps is None else config.ln_eps


def _expect_config(fields: Fields, config: AttentionConfig, extra: dict[str, Any], *, norm: bool = True) -> None:
    """Check the keys that every object of the attention repeats from the section, and extra ones."""
    norm_keys = {"ln_eps": layer_norm_eps(config)} if norm else {}
    for key, value in {**_shared_keys(config), **norm_keys, **extra}.items():
        fields.expect(key, value)


def _shared_keys(config: AttentionConfig) -> dict[str, Any]:
    return {
        "embed_dim": config.neuron[-1],
        "hidden_dim": config.attn,
        "dotr": config.attn_dotr,
        "do_mask": False,
        "scaling_factor": config.scaling_factor,
        "normalize": config.normalize,
        "temperature": config.temperature,
    }


def write_attention(module: SeAtten, precision: str) -> dict[str, Any]:
    """Return the object `attention_layers` of a descriptor."""
    config = module.config
    shared = {**_shared_keys(config), "nnei": module.nnei, "precision": precision}
    norm = {"trainable_ln": config.trainable_ln, "ln_eps": layer_norm_eps(config)}

    def to_numpy(tensor: Tensor) -> np.ndarray:
        array: np.ndarray = tensor.detach().cpu().numpy()
        return array

    layers = [
        {
            **shared,
            **norm,
            "attention_layer": {
                **shared,
                "num_heads": 1,
                "bias": True,
                "smooth": config.is_smooth,
                "in_proj": write_layer(layer.into, False, precision),
                "out_proj": write_layer(layer.out, False, precision),
            },
            "attn_layer_norm": {
                "@class": "LayerNorm",
                "@version": 1,
                "eps": layer_norm_eps(config),
                "trainable": config.trainable_ln,
                "precision": precision,
                "@variables": {"w": to_numpy(layer.scale), "b": to_numpy(layer.shift)},
            },
        }
        for layer in module.attention
        if isinstance(layer, AttentionLayer)
    ]
    return {
        "@class": "NeighborGatedAttention",
        "@version": 1,
        "layer_num": config.attn_layer,
        **shared,
        **norm,
        "attention_layers": layers,
    }
