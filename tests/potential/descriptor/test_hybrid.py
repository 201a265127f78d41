"""Descriptors side by side."""

from __future__ import annotations

import torch

from deepaw.potential.descriptor.hybrid import Hybrid
from deepaw.potential.model import ModelConfig
from deepaw.potential.neighbours.pairs import find_environment
from potential.physics import crowd, random_model

SE_A = {"type": "se_e2_a", "rcut": 3.0, "rcut_smth": 1.2, "sel": [8, 4], "neuron": [3, 6], "axis_neuron": 2}
SE_R = {"type": "se_r", "rcut": 3.5, "rcut_smth": 0.5, "sel": [2, 18], "neuron": [4, 4]}


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
    near = find_environment(structure.coord, structure.cell, structure.types, 3.0)
    torch.testing.assert_close(hybrid(env)[:, :12], first(near))
