"""Hybrid descriptors."""

from __future__ import annotations

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.descriptor.hybrid import Hybrid
from deepaw.potential.files.deepmd import model_of, tree_of
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.neighbours.pairs import find_environment
from potential.randommodels import random_model
from potential.structures import crowd

SE_A = {"type": "se_e2_a", "rcut": 3.0, "rcut_smth": 1.2, "sel": [8, 4], "neuron": [3, 6], "axis_neuron": 2}
SE_R = {"type": "se_r", "rcut": 3.5, "rcut_smth": 0.5, "sel": [2, 18], "neuron": [4, 4]}

ATTEN = {"type": "dpa1", "rcut": 3.2, "sel": 9, "neuron": [3, 6], "axis_neuron": 2, "tebd_dim": 4, "attn_layer": 0}


def test_rows_are_those_of_the_parts() -> None:
    config = ModelConfig.model_validate(
        {"type_map": ["O", "H"], "descriptor": {"type": "hybrid", "list": [SE_A, SE_R]}}
    )
    hybrid = random_model(config).descriptor
    assert isinstance(hybrid, Hybrid)
    assert (hybrid.rcut, hybrid.width, hybrid.sel) == (3.5, 12 + 4, (8, 18))
    structure = crowd(2)
    env = find_environment(structure.coord, structure.cell, structure.types, hybrid.rcut)
    first, second = hybrid.parts
    torch.testing.assert_close(hybrid(env), torch.cat([first(env), second(env)], dim=1))
    within_first = find_environment(structure.coord, structure.cell, structure.types, 3.0)
    torch.testing.assert_close(hybrid(env)[:, :12], first(within_first))


def test_beside_embeddings_of_types_sel_is_one_number_and_one_fitting_net_serves_all() -> None:
    config = {
        "type_map": ["O", "H"],
        "descriptor": {"type": "hybrid", "list": [SE_A, ATTEN | {"use_econf_tebd": True}]},
    }
    potential = random_model(ModelConfig.model_validate(config))
    assert potential.descriptor.sel == (12,) and potential.descriptor.width == 12 + 12 + 4
    assert potential.fitting.shared and len(potential.fitting.nets) == 1


def test_an_embedding_of_types_that_the_section_cannot_describe() -> None:
    config = {"type_map": ["O", "H"], "descriptor": ATTEN, "type_embedding": {"neuron": [5, 4]}}
    single, side_by_side = (
        tree_of(random_model(ModelConfig.model_validate(content)))
        for content in (config, {"type_map": ["O", "H"], "descriptor": {"type": "hybrid", "list": [SE_A, ATTEN]}})
    )
    side_by_side["model"]["descriptor"]["list"][1] = single["model"]["descriptor"]
    with pytest.raises(InputError, match=r"descriptor\.list\[1\]\.type_embedding is more than one linear layer"):
        model_of(side_by_side, "other.dp")
