"""Attention layers of `se_atten` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepaw.potential.descriptor.attention import AttentionLayer
from deepaw.potential.descriptor.se_atten import LN_EPS, SeAtten
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.files.fields import Fields, naming
from deepaw.potential.files.networks import Network, load_layers, read_layer, write_layer


class AttentionLayers:
    """Those of a file, whose descriptor has this section. Errors as of `Fields`."""

    def __init__(self, fields: Fields, config: AttentionConfig) -> None:
        fields.version(1)
        self._config = config
        self._layers = []
        _same(fields, config, {"layer_num": config.attn_layer})
        fields.ignore("precision", "nnei", "trainable_ln")
        layers = fields.each("attention_layers")
        fields.end()
        if len(layers) != config.attn_layer:
            raise fields.error(f"has {len(layers)} entries where {config.attn_layer} belong", "attention_layers")
        for position, layer in enumerate(layers):
            inner = Fields(layer, fields.file, f"{fields.place}.attention_layers[{position}]")
            _same(inner, config, {})
            inner.ignore("precision", "nnei", "trainable_ln")
            self._layers.append((inner, *self._weights(inner)))
            inner.end()

    def _weights(self, fields: Fields) -> tuple[Network, dict[str, np.ndarray]]:
        config, width = self._config, self._config.neuron[-1]
        gate, norm = fields.inner("attention_layer"), fields.inner("attn_layer_norm")
        _same(gate, config, {"num_heads": 1, "bias": True, "smooth": config.is_smooth}, norm=False)
        gate.ignore("precision", "nnei")
        maps = [
            read_layer(gate.inner("in_proj"), width, 3 * config.attn),
            read_layer(gate.inner("out_proj"), config.attn, width),
        ]
        gate.end()
        norm.version(1)
        norm.expect("eps", epsilon_of(config))
        norm.ignore("precision", "trainable")
        values = {"scale": norm.array("w", (width,)), "shift": norm.array("b", (width,))}
        norm.end()
        return maps, values

    def load(self, position: int, layer: nn.Module) -> None:
        """Set the weights of one layer."""
        assert isinstance(layer, AttentionLayer)
        fields, maps, norm = self._layers[position]
        with naming(fields):
            load_layers((layer.into, layer.out), maps)
        for name, values in norm.items():
            getattr(layer, name).detach().copy_(torch.from_numpy(values))


def epsilon_of(config: AttentionConfig) -> float:
    """Of the norms of layers."""
    return LN_EPS if config.ln_eps is None else config.ln_eps


def _same(fields: Fields, config: AttentionConfig, more: dict[str, Any], *, norm: bool = True) -> None:
    """What every object of the attention says again."""
    of_norm = {"ln_eps": epsilon_of(config)} if norm else {}
    for key, right in {**_shared(config), **of_norm, **more}.items():
        fields.expect(key, right)


def _shared(config: AttentionConfig) -> dict[str, Any]:
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
    """The object of the attention layers in a file."""
    config = module.config
    shared = {**_shared(config), "nnei": module.nnei, "precision": precision}
    norm = {"trainable_ln": config.trainable_ln, "ln_eps": epsilon_of(config)}

    def array(values: Tensor) -> np.ndarray:
        result: np.ndarray = values.detach().cpu().numpy()
        return result

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
                "eps": epsilon_of(config),
                "trainable": config.trainable_ln,
                "precision": precision,
                "@variables": {"w": array(layer.scale), "b": array(layer.shift)},
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
