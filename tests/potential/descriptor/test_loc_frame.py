"""Local frames: neighbours that define them, order of rows, jumps of the energy, the physics suite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.loc_frame import LocFrame, LocFrameConfig
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.deviation import measure_deviations
from deepaw.potential.files.deepmd import read_deepmd
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from potential.dynamics import tethered
from potential.files.peer_tensorflow_models import FRAMES, path_of
from potential.physics import PotentialPhysics
from potential.randommodels import random_model
from potential.structures import Structure, assert_agree, evaluate

NEAREST: dict[str, Any] = {
    "type": "loc_frame",
    "sel_a": [2, 2],
    "sel_r": [3, 3],
    "rcut": 4.0,
    "axis_rule": [0, -3, 0, 0, -3, 1, 0, -3, 0, 0, -3, 1],
}


def rows_by_hand(part: LocFrame, vectors: dict[int, np.ndarray], first: np.ndarray, second: np.ndarray) -> list[float]:
    """Compute the row of one atom before normalisation; vectors: of the neighbours of each type, sorted."""
    e_1 = first / np.linalg.norm(first)
    e_2 = second - (second @ e_1) * e_1
    e_2 /= np.linalg.norm(e_2)
    e_3 = np.cross(e_1, e_2)
    angular: list[float] = []
    radial: list[float] = []
    for kind in range(part.ntypes):
        sel_a, sel_r = part.config.sel_a[kind], part.config.sel_r[kind]
        within = [vector for vector in vectors[kind] if np.linalg.norm(vector) < part.rcut]
        for vector in within[:sel_a]:
            r = np.linalg.norm(vector)
            angular += [1 / r, e_3 @ vector / r**2, e_1 @ vector / r**2, e_2 @ vector / r**2]
        angular += [0.0] * 4 * (sel_a - len(within[:sel_a]))
        radial += [1 / float(np.linalg.norm(vector)) for vector in within[sel_a : sel_a + sel_r]]
        radial += [0.0] * (sel_r - len(within[sel_a : sel_a + sel_r]))
    return angular + radial


@pytest.fixture
def surroundings() -> dict[int, np.ndarray]:
    """Vectors of four neighbours of type 0 and three of type 1, by distance, the last ones beyond 4 A."""
    random = np.random.default_rng(3)
    actual = {}
    for kind, distances in ((0, [1.1, 1.9, 2.6, 3.3, 4.1]), (1, [1.0, 1.5, 2.2, 4.3])):
        directions = random.normal(size=(len(distances), 3))
        actual[kind] = directions / np.linalg.norm(directions, axis=1, keepdims=True) * np.array(distances)[:, None]
    return actual


def around(vectors: dict[int, np.ndarray], seed: int = 0) -> Environment:
    """Environment of an atom of type 0 with these neighbours in any order."""
    coord = np.concatenate([[np.zeros(3)], *vectors.values()])
    types = np.concatenate([[0], *([kind] * len(neighbours_of_type) for kind, neighbours_of_type in vectors.items())])
    order = np.append(0, 1 + np.random.default_rng(seed).permutation(len(coord) - 1))
    env = find_environment(coord[order], None, types[order], 5.0)
    return env.select(env.centre == 0)


@pytest.mark.parametrize(
    ("rule", "first", "second"),
    [
        ([0, 0, 0, 0, 1, 0], (0, 0), (1, 0)),
        ([0, 1, 1, 1, 0, 0], (1, 1), (0, 2)),  # two of type 0 have coordinates, so that the third leads the others
        ([0, -3, 0, 0, -3, 1], (1, 0), (0, 0)),
        ([0, -2, 0, 0, -1, 0], (0, 0), (1, 0)),
        ([1, -1, 0, 1, -2, 0], (0, 2), (1, 2)),
        ([], (0, 0), (0, 1)),
    ],
)
def test_rows(
    surroundings: dict[int, np.ndarray], rule: list[int], first: tuple[int, int], second: tuple[int, int]
) -> None:
    part = LocFrame(LocFrameConfig(sel_a=(2, 2), sel_r=(1, 3), rcut=4.0, axis_rule=(*rule, *rule)), 2)
    expected = rows_by_hand(part, surroundings, surroundings[first[0]][first[1]], surroundings[second[0]][second[1]])
    for seed in (1, 2):
        np.testing.assert_allclose(part.raw(around(surroundings, seed))[0], expected, rtol=0, atol=1e-14)
    part.davg.uniform_(-1, 1)
    part.dstd.uniform_(0.5, 1)
    np.testing.assert_allclose(
        part(around(surroundings))[0], (np.array(expected) - part.davg[0].numpy()) / part.dstd[0].numpy(), atol=1e-13
    )


def test_where_the_axes_are_opposite_the_next_neighbour_is_the_second(surroundings: dict[int, np.ndarray]) -> None:
    part = LocFrame(LocFrameConfig(**{**NEAREST, "sel_a": (2, 3), "axis_rule": (0, 1, 0, 0, 1, 1) * 2}), 2)
    nearest, next_one, third = surroundings[1][:3]
    for tilt, second in ((1e-3, third), (0.1, None)):
        tilted = -nearest / np.linalg.norm(nearest) + tilt * np.cross(nearest, [0.3, -0.7, 0.2])
        next_one[:] = 1.5 * tilted / np.linalg.norm(tilted)
        expected = rows_by_hand(part, surroundings, nearest, next_one if second is None else second)
        np.testing.assert_allclose(part.raw(around(surroundings))[0], expected, rtol=0, atol=1e-12)


def test_atoms_that_do_not_span_a_frame(surroundings: dict[int, np.ndarray]) -> None:
    part = LocFrame(LocFrameConfig(**{**NEAREST, "axis_rule": (0, 1, 0, 0, 1, 1) * 2}), 2)
    surroundings[1] = surroundings[1][:1]
    with pytest.raises(InputError, match="an atom of type 0 has not the neighbours within 4 A that"):
        part(around(surroundings))
    surroundings[1] = np.array([[1.0, 0.0, 0.0], [1.7, 0.0, 0.0]])
    with pytest.raises(InputError, match="an atom of type 0 is in line with the neighbours that axis_rule makes its"):
        part(around(surroundings))
    surroundings[1] = -surroundings[1]
    surroundings[1][0, 0] = 1.0
    with pytest.raises(InputError, match="an atom of type 0 is in line with the neighbours that axis_rule makes its"):
        part(around(surroundings))


def test_an_atom_alone_needs_no_frame() -> None:
    part = LocFrame(LocFrameConfig(**NEAREST), 2)
    assert (part.raw(find_environment(np.zeros((1, 3)), None, np.array([1]), 4.0)) == 0).all()


def test_energies_jump_where_neighbours_change_places(surroundings: dict[int, np.ndarray]) -> None:
    """Energies also jump at the cutoff, by definition and as in DeePMD-kit."""
    part = LocFrame(LocFrameConfig(**NEAREST), 2)

    def rows(kind: int, place: int, distance: float) -> torch.Tensor:
        vectors = {key: value.copy() for key, value in surroundings.items()}
        vectors[kind][place] *= distance / np.linalg.norm(vectors[kind][place])
        return part.raw(around(vectors))[0]

    for kind, place, distance in ((0, 1, 1.1), (1, 2, 4.0)):
        inside, outside = rows(kind, place, distance - 1e-9), rows(kind, place, distance + 1e-9)
        assert float((inside - outside).abs().max()) > 0.1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sel_a": [2]}, "sel_a has 1 entries; it should have one for each of 2 types"),
        ({"sel_a": [0, 0], "sel_r": [0, 0]}, "sel_a and sel_r are all 0; some neighbours should count"),
        ({"axis_rule": [0, 1, 0]}, "axis_rule has 3 numbers; it should have 6 for each of 2 types"),
        (
            {"axis_rule": [2, 0, 0] * 4},
            r"axis_rule has \[2, 0, 0\]; the first of three numbers should be 0 \(sel_a\)",
        ),
        ({"axis_rule": [0, 2, 0] * 4}, r"axis_rule has \[0, 2, 0\]; types are numbered from 0 to 1"),
        ({"axis_rule": [0, -4, 0] * 4}, r"axis_rule has \[0, -4, 0\]; types are numbered from 0 to 1"),
        ({"axis_rule": [0, 1, 2] * 4}, r"axis_rule has \[0, 1, 2\]; the last number should be below 2, the neighbours"),
        ({"axis_rule": [1, 0, 3] * 4}, r"axis_rule has \[1, 0, 3\]; the last number should be below 3, .* sel_r keeps"),
        ({"axis_rule": [0, -1, 2] * 4}, r"axis_rule has \[0, -1, 2\]; the last number should be below 2, the neighb"),
        ({"axis_rule": [], "sel_a": [1, 0], "sel_r": [0, 1]}, "axis_rule is empty, and neither sel_a nor sel_r has"),
    ],
)
def test_keys_that_are_wrong(keys: dict[str, Any], message: str) -> None:
    config = LocFrameConfig.model_validate({**NEAREST, **keys})
    with pytest.raises(InputError, match=message):
        LocFrame(config, 2)


def test_counts_that_are_wrong() -> None:
    with pytest.raises(ValidationError, match=r"\[-1, 2\] should be counts of neighbours, 0 or more"):
        LocFrameConfig.model_validate({**NEAREST, "sel_a": [-1, 2]})


def test_neighbours_that_are_dropped_are_said() -> None:
    config = LocFrameConfig.model_validate(NEAREST)
    actual = NeighbourStatistics(4.0, np.array([5, 7]), 12, np.zeros(2), {})
    with pytest.warns(UserWarning, match=r"up to 7 of H within 4 A; the farthest are dropped"):
        assert config.with_counts(actual, ("O", "H"), False) == config


def config_of(**keys: Any) -> ModelConfig:
    return ModelConfig.model_validate(
        {"type_map": ["O", "H"], "descriptor": {**NEAREST, **keys}, "fitting_net": {"neuron": [8, 8]}}
    )


class TestPhysics(PotentialPhysics):
    """Physics away from points where neighbours swap, appear or vanish; mirror images have another frame."""

    test_inversion = None
    test_smooth_where_a_neighbour_comes_within_the_cutoffs = None
    test_energy_follows_the_virial_while_neighbours_leave = None

    @pytest.fixture(params=["nearest", "radial"])
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        radial = {"sel_a": [0, 0], "sel_r": [5, 5], "axis_rule": [1, -2, 0, 1, -2, 1] * 2}
        model = random_model(config_of(**(radial if request.param == "radial" else {})))
        part = model.descriptor
        assert isinstance(part, LocFrame)
        generator = torch.Generator().manual_seed(2)
        part.davg.copy_(0.3 * torch.randn(part.davg.shape, generator=generator, dtype=torch.float64))
        part.dstd.copy_(0.2 + torch.rand(part.dstd.shape, generator=generator, dtype=torch.float64))
        return model

    def test_energy_is_conserved(self, model: PotentialModel, structure: Structure) -> None:
        """Move atoms so little that no neighbours swap."""
        part = model.descriptor
        assert isinstance(part, LocFrame)
        actual = tethered(PotentialEngine(model), structure, steps=1000, step=0.005, spring=400.0, speed=0.01)
        before, after = (
            part._placed(find_environment(coord, structure.cell, structure.types, part.rcut))[1]
            for coord in (structure.coord, actual.last)
        )
        assert len(after) == len(before)
        assert np.ptp(actual.total) < 3e-2 * np.ptp(actual.potential)

    def test_the_mirror_image_is_another_atom(self, model: PotentialModel, structure: Structure) -> None:
        before, after = (
            evaluate(PotentialEngine(model), neighbours_of_type)
            for neighbours_of_type in (structure, structure.linear(-np.eye(3)))
        )
        if model.config.descriptor.sel_a == (0, 0):
            assert_agree(after.energy, before.energy, 1e-12)
        else:
            assert float((after.atom_energy - before.atom_energy).abs().max()) > 1e-3


@pytest.mark.parametrize("case", FRAMES)
def test_there_is_a_sample_structure_for_every_rule(case: str) -> None:
    rows = [*measure_deviations(read_deepmd(path_of(case)))]
    assert rows[0].precision == "float64" and rows[0].force == 0 and not rows[0].sizes
