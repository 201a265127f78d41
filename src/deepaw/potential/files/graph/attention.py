"""`se_atten` in a frozen graph."""

from __future__ import annotations

from typing import Any

from deepaw.potential.files.graph.graph import Graph
from deepaw.potential.files.graph.networks import collection, read_embedding, read_linear
from deepaw.potential.files.graph.parts import Part, axis_neuron, excluded_pairs, read_environment

TF_LN_EPS = 1e-3
"""Default of ln_eps in this backend."""


def read_attention(graph: Graph, part: Part, types: dict[str, Any] | None) -> dict[str, Any]:
    """Return the object of `se_atten`; types: object of the embedding of types. Raises InputError: not supported."""
    section, suffix = part.section, part.suffix
    if not section:
        raise graph.error("there is no training script, which se_atten needs")
    if types is None:
        raise graph.error("there is no embedding of types, which se_atten needs")
    scope = f"filter_type_all{suffix}"
    network, type_network = read_embedding(graph, scope), read_embedding(graph, scope, "_two_side_ebd")
    if network is None:
        raise graph.error(f"the embedding net {scope}/matrix_1 is missing")
    layers = _attention_layers(graph, suffix)
    inputs = network["layers"][0]["@variables"]["w"].shape[0]
    is_smooth = section.get("smooth_type_embedding", False) or section.get("type") == "se_atten_v2"
    if is_smooth and (layers or type_network):
        raise graph.error(
            "smooth_type_embedding is true, which the TensorFlow backend computes in another way than all others; it "
            "is not supported"
        )
    if layers and section.get("attn_dotr", True):
        raise graph.error(
            "attn_dotr is true, where the TensorFlow backend shortens directions to neighbours near the cutoff; it is "
            "not supported, and 'dp convert-backend' makes a .dp of the model, without that"
        )
    ln_eps = section.get("ln_eps")
    common = read_environment(graph, part, "rcut_r", "rcut_r_smth", "sel_a")
    attn = layers[0]["attention_layer"]["out_proj"]["@variables"]["w"].shape[0] if layers else 1
    return {
        **common,
        "type": "se_atten",
        "axis_neuron": axis_neuron(graph, part),
        **collection([network], 0),
        **({} if type_network is None else {"embeddings_strip": {"ndim": 0, "networks": [type_network]}}),
        "tebd_input_mode": "concat" if type_network is None else "strip",
        "smooth_type_embedding": False,
        "type_one_side": type_network is None and inputs == 1 + types["neuron"][-1],
        "exclude_types": excluded_pairs(graph, part),
        "tebd_dim": types["neuron"][-1],
        "use_tebd_bias": types["use_tebd_bias"],
        "type_embedding": types,
        "attn": attn,
        "attn_layer": len(layers),
        "attn_dotr": False,
        "attn_mask": section.get("attn_mask", False),
        "temperature": 1.0,
        "ln_eps": TF_LN_EPS if ln_eps is None else ln_eps,
        "attention_layers": {"attention_layers": layers},
    }


def _attention_layers(graph: Graph, suffix: str) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    while f"{(scope := f'attention_layer_{len(layers)}{suffix}')}/c_query/matrix" in graph:
        numbered = f"{scope}/layer_normalization_{len(layers)}"
        norm = numbered if f"{numbered}/gamma" in graph else f"{scope}/layer_normalization"
        layers.append(
            {
                "attention_layer": {
                    "in_proj": read_linear(graph, [f"{scope}/c_{name}" for name in ("query", "key", "value")]),
                    "out_proj": read_linear(graph, [f"{scope}/c_out"]),
                },
                "attn_layer_norm": {
                    "@variables": {"w": graph.array(f"{norm}/gamma"), "b": graph.array(f"{norm}/beta")}
                },
            }
        )
    return layers
