"""Attention layers in the engine against the equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepaw.potential.engine import attention
from deepaw.potential.engine.attention_layer import FoldedLayer, padded_size
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.gates import Gates
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.files.deepmd import read_deepmd
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.table import NeighbourTable
from potential.descriptor.test_attention import HIDDEN, layer, slots
from potential.files.peer_models import CASES, SINGLE, path_of, places
from potential.randommodels import random_model, random_tensor_model
from potential.structures import Structure, assert_agree, crowd, evaluate, model_frame
from potential.test_physics_typed import ATTEN, FADING

SMOOTH = {"smooth_type_embedding": True}
WIDE = {"neuron": [6, 12, 24], "attn": 40}
"""More features than the embeddings of so few types have dimensions."""

VARIANTS = [
    {"attn_layer": 2},
    SMOOTH | {"attn_layer": 3, "attn_dotr": False},
    SMOOTH | WIDE | {"attn_layer": 2},
    SMOOTH | {"attn_layer": 1, "temperature": 100.0, "normalize": False},
    FADING | WIDE | {"attn_layer": 2, "attn": 3},
    FADING | {"attn_layer": 1, "exclude_types": [[0, 1]], "env_protection": 0.1, "type_one_side": True},
    {"attn_layer": 2, "attn_dotr": False, "normalize": False, "tebd_input_mode": "strip", "scaling_factor": 0.3},
]


def model(keys: dict, fixed_slots: bool = False) -> PotentialModel:
    config = {"type_map": ["O", "H"], "descriptor": ATTEN | keys, "fitting_net": {"neuron": [8, 8]}}
    return random_model(ModelConfig.model_validate(config), fixed_slots=fixed_slots)


def against_exact(potential: PotentialModel, structure: Structure, limits: dict[str, float]) -> None:
    exact = evaluate(PotentialEngine(potential, "exact"), structure, atomic_virial=True)
    for precision, limit in limits.items():
        engine = PotentialEngine(potential, precision)
        evaluation = evaluate(engine, structure, atomic_virial=True)
        assert engine.sizes(), "the equations are compared with themselves"
        for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
            assert_agree(getattr(evaluation, name), getattr(exact, name), limit)


def test_where_the_norm_leaves_nothing_the_equations_take_over() -> None:
    potential = model({"attn_layer": 1, "neuron": [3, 1], "axis_neuron": 1})
    engine = PotentialEngine(potential)
    assert engine.sizes() == [] and torch.isfinite(evaluate(engine, crowd(2)).force).all()


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
@pytest.mark.parametrize("fixed_slots", [True, False])
def test_as_the_equations_have_it(keys: dict, fixed_slots: bool) -> None:
    """Atoms have more neighbours than `sel`."""
    against_exact(model(keys, fixed_slots), crowd(2), {"float64": 1e-8, "float32": 1e-4})


@pytest.mark.parametrize("case", [case for case in CASES if "atten" in case and case not in SINGLE])
def test_the_answers_of_deepmd_kit(case: str) -> None:
    engine = PotentialEngine(read_deepmd(path_of(case)))  # type: ignore[arg-type]
    for place in places(case).values():
        aparam = None if place.aparam is None else place.aparam.numpy()
        fparam = None if place.fparam is None else place.fparam[0].numpy()
        frame = Frame(place.coord, place.cell, place.atype, fparam=fparam, aparam=aparam)
        evaluation = engine.evaluate(frame, atomic_virial=True)
        for name in ("energy", "atom_energy", "force", "virial", "atom_virial"):
            value, expected = getattr(evaluation, name), torch.from_numpy(place.answers[name])
            limit = max(1e-8 * float(expected.abs().max()), 1e-14)
            torch.testing.assert_close(value, expected.reshape(value.shape), rtol=0, atol=limit)


@pytest.mark.parametrize("keys", [SMOOTH | WIDE, FADING, {}], ids=str)
@pytest.mark.parametrize("distance", [0.7, 0.4, 0.26])
def test_short_distances(keys: dict, distance: float) -> None:
    structure = crowd(2)
    structure.coord[1] = structure.coord[0] + np.array([0, 0, distance])
    against_exact(model(keys | {"attn_layer": 2}), structure, {"float64": 1e-7})


@pytest.mark.filterwarnings("ignore:atoms")
def test_below_the_shortest_distance_forces_are_still_the_gradient() -> None:
    engine = PotentialEngine(model(FADING | {"attn_layer": 1}))

    def pair(distance: float) -> object:
        coord = np.array([[0, 0, 0], [0, 0, distance], [1.5, 0.2, 0.4]])
        return engine.evaluate(Frame(coord, None, np.array([0, 1, 1])))

    force = pair(0.2).force
    slope = (float(pair(0.2 + 1e-6).energy) - float(pair(0.2 - 1e-6).energy)) / 2e-6
    assert abs(float(force[1, 2]) + slope) < 1e-5 * float(force.abs().max())


def test_atoms_with_and_without_neighbours_together(monkeypatch: pytest.MonkeyPatch) -> None:
    structure = crowd(2)
    far = replace(structure, cell=None).moved(np.where(np.arange(7)[:, None] % 3 == 0, 40.0 * np.arange(7)[:, None], 0))
    for size in (1, 2, 7):
        monkeypatch.setattr(attention, "GROUP_ATOMS", size)
        for keys in ({"attn_layer": 2}, FADING | {"attn_layer": 2}):
            against_exact(model(keys), far, {"float64": 1e-8})


def test_tiles_have_no_more_atoms_than_the_kernel_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    potential, structure = model(SMOOTH | {"attn_layer": 2}), crowd(2)
    whole = evaluate(PotentialEngine(potential), structure)
    sizes, forward = [], attention.AttentionKernel.forward

    def counted(self: attention.AttentionKernel, table: NeighbourTable) -> object:
        sizes.append(table.natoms)
        return forward(self, table)

    monkeypatch.setattr(attention.AttentionKernel, "largest_tile", 2)
    monkeypatch.setattr(attention.AttentionKernel, "forward", counted)
    assert_agree(evaluate(PotentialEngine(potential), structure).force, whole.force, 1e-12)
    assert max(sizes) == 2


@pytest.mark.parametrize("kind", ["dipole", "polar"])
def test_tensors(kind: str) -> None:
    config = {"type_map": ["O", "H"], "descriptor": ATTEN | FADING | {"attn_layer": 2}}
    config["fitting_net"] = {"type": kind, "neuron": [8, 8]}
    potential, structure = random_tensor_model(ModelConfig.model_validate(config)), crowd(2)
    weights = np.random.default_rng(5).normal(size=(3, 7, *potential.shape))
    exact, evaluation = (
        TensorEngine(potential, precision).evaluate(model_frame(potential, structure), weights=weights)
        for precision in ("exact", "float64")
    )
    for name in ("atom_tensor", "force", "virial"):
        assert_agree(getattr(evaluation, name), getattr(exact, name), 1e-8)


@pytest.mark.parametrize(
    "keys", [{}, {"smooth": False}, {"angles": False, "normalize": False}, {"smooth": False, "epsilon": 0.3}], ids=str
)
@pytest.mark.parametrize("total", [9, 3])
@pytest.mark.parametrize("p", [3, 4, 7])
def test_one_layer_in_the_span_of_its_features(keys: dict, total: int, p: int) -> None:
    """Forward and backward, with fewer features than numbers of a query, as many, and more."""
    reference = layer(**keys)
    M = reference.scale.numel()
    assert HIDDEN < M
    _, is_neighbour, w, e = slots()
    generator = torch.Generator().manual_seed(3)
    g = torch.randn(2, 5, p, generator=generator, dtype=torch.float64)
    g[..., 0] = 1
    Y = torch.randn(p, M, generator=generator, dtype=torch.float64)
    inputs = [g.requires_grad_(), w.requires_grad_(), e.requires_grad_()]
    expected = reference(g @ Y, is_neighbour, w, e, total)
    grad_G = torch.randn(expected.shape, generator=generator, dtype=torch.float64) * is_neighbour.unsqueeze(2)
    expected_gradients = torch.autograd.grad(expected, inputs, grad_G, allow_unused=True)
    with torch.no_grad():
        folded = FoldedLayer(reference, Y, torch.ones(p, dtype=torch.float64), 1e-15, torch.float64)
        assert folded.input_size == padded_size(p)
        gates = Gates(w, e, is_neighbour, total, smooth=reference.smooth, angles=reference.angles)
        before = torch.nn.functional.pad(g, (0, folded.input_size - p))
        for _ in range(2):  # gradients do not accumulate over calls
            after, saved = folded.forward(before, gates)
            Y_after = torch.nn.functional.pad(folded.Y_after, (0, 0, 0, after.shape[-1] - len(folded.Y_after)))
            torch.testing.assert_close((after @ Y_after)[is_neighbour], expected[is_neighbour])
            grad_g = folded.backward(grad_G @ Y_after.T, saved, gates)[..., :p]
            grad_w, grad_e = gates.gradient()
        torch.testing.assert_close(grad_g[is_neighbour][:, 1:], expected_gradients[0][is_neighbour][:, 1:])
        for gradient, expected_gradient in ((grad_w, expected_gradients[1]), (grad_e, expected_gradients[2])):
            if expected_gradient is None:
                assert gradient is None
            else:
                torch.testing.assert_close(gradient[is_neighbour], expected_gradient[is_neighbour])
