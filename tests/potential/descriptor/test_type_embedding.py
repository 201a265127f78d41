"""Nets with types as inputs."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.descriptor.type_embedding import InputMode, TypedNets, TypeEmbedding, TypeEmbeddingConfig
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel


def types(width: int = 3, **keys: object) -> TypeEmbedding:
    config = TypeEmbeddingConfig.model_validate({"neuron": [width], **keys})
    return TypeEmbedding(config, 2, ["O", "H"], generator=torch.Generator().manual_seed(5))


def test_one_linear_layer_is_a_table() -> None:
    embedding = types(activation_function="linear")
    torch.testing.assert_close(embedding(), embedding.layers[0].w)


def test_residual_layers_and_a_bias() -> None:
    """The first layer doubles the width and adds its input twice."""
    embedding = types(width=4, use_tebd_bias=True, resnet_dt=True)
    (layer,) = embedding.layers
    unit = torch.eye(2, dtype=torch.float64)
    expected = torch.tanh(layer.w + layer.b) * layer.idt + torch.cat([unit, unit], dim=1)
    torch.testing.assert_close(embedding(), expected)


def test_electron_configurations_come_in_by_a_net_of_their_own_width() -> None:
    embedding = types(use_econf_tebd=True)
    assert embedding.layers[0].w.shape == (118, 3) and embedding().shape == (2, 3)


@pytest.mark.parametrize("mode", ["concat", "strip"])
@pytest.mark.parametrize("one_side", [True, False])
@pytest.mark.parametrize("fades", [True, False])
def test_the_nets_of_pairs(mode: InputMode, one_side: bool, fades: bool) -> None:
    """Evaluate layers for one number at a time."""
    nets = TypedNets(types(), [2, 4], mode=mode, one_side=one_side, generator=torch.Generator().manual_seed(6))
    x = torch.tensor([-0.3, 0.2, 1.4], dtype=torch.float64)
    w = torch.tensor([0.1, 1.0, 0.5], dtype=torch.float64)
    T = nets.types()

    def through(layers: torch.nn.ModuleList, values: torch.Tensor) -> torch.Tensor:
        first, second = layers
        y = torch.tanh(values @ first.w + first.b[0])
        if len(values) in (1, 2):
            y = y + torch.cat([values] * (2 // len(values)))
        return torch.tanh(y @ second.w + second.b[0]) + torch.cat([y, y])

    for index in range(nets.networks):
        neighbour, centre = (index, None) if one_side else (index // 2, index % 2)
        type_inputs = T[neighbour] if centre is None else torch.cat([T[neighbour], T[centre]])
        actual = nets.evaluate_pairs(torch.full((3,), index), x, w if fades else None)
        for number in range(3):
            if mode == "concat":
                expected = through(nets.layers, torch.cat([x[number : number + 1], type_inputs]))
            else:
                assert nets.type_layers is not None
                weight = w[number] if fades else 1.0
                radial = through(nets.layers, x[number : number + 1])
                expected = radial * (1 + weight * through(nets.type_layers, type_inputs))
            torch.testing.assert_close(actual[number], expected)
        if not fades:
            torch.testing.assert_close(nets.evaluate(index, x), actual)
            every = nets(torch.stack([x + number for number in range(nets.networks)]))
            torch.testing.assert_close(every[index], nets.evaluate(index, x + index))


def test_where_it_belongs() -> None:
    keys = {"type_map": ["O", "H"], "type_embedding": {"neuron": [3]}}
    with pytest.raises(ValueError, match="type_embedding is given; it belongs to"):
        ModelConfig.model_validate({**keys, "descriptor": {"type": "se_e2_r", "sel": [4, 4]}})
    with pytest.raises(ValueError, match="should be widths of layers"):
        ModelConfig.model_validate({**keys, "type_embedding": {"neuron": [0]}})
    for name in ("se_e2_a_tebd", "se_a_ebd_v2", "se_a_tpe_v2"):
        with pytest.raises(ValueError, match=f"type_embedding is missing; the descriptor {name} needs it"):
            ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": {"type": name, "sel": [4, 4]}})


def test_se_e2_a_ends_with_the_centres_type_and_has_one_fitting_net() -> None:
    descriptor = {"type": "se_e2_a", "sel": [4, 4], "neuron": [3, 6], "axis_neuron": 2}
    config = {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": {"neuron": [5]}}
    plain = PotentialModel(ModelConfig.model_validate(config))
    typed = PotentialModel(ModelConfig.model_validate(config | {"type_embedding": {"neuron": [3]}}))
    assert typed.descriptor.width == plain.descriptor.width + 3 == 15
    assert len(plain.fitting.nets) == 2 and len(typed.fitting.nets) == 1
    assert typed.fitting.net(0) is typed.fitting.net(1)


def test_se_a_ebd_v2_has_a_net_of_types_as_strip() -> None:
    """G(x) = net(x) (1 + type_net(T_neighbour, T_centre)), with the rest as in se_e2_a."""
    descriptor = {"sel": [4, 4], "neuron": [3, 6], "axis_neuron": 2}
    config = {"type_map": ["O", "H"], "type_embedding": {"neuron": [2]}, "fitting_net": {"neuron": [5]}}
    model = PotentialModel(ModelConfig.model_validate({**config, "descriptor": {"type": "se_a_ebd_v2", **descriptor}}))
    nets = model.descriptor.nets
    assert isinstance(nets, TypedNets) and nets.mode == "strip" and nets.type_layers is not None
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    T = nets.types()
    for centre in range(2):
        for neighbour in range(2):
            factor, expected = torch.cat([T[neighbour], T[centre]]).unsqueeze(0), x.unsqueeze(1)
            for layer in nets.type_layers:
                factor = layer(factor)
            for layer in nets.layers:
                expected = layer(expected)
            expected = expected * (1 + factor)
            torch.testing.assert_close(nets.evaluate(centre + 2 * neighbour, x), expected)
    tebd = ModelConfig.model_validate({**config, "descriptor": {"type": "se_e2_a_tebd", **descriptor}})
    assert PotentialModel(tebd).descriptor.nets.mode == "concat"
