"""Bases and folded maps: accuracy within the tolerance, and size no larger than necessary."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.engine.folding import LARGEST_BASIS, fitting_basis, fold
from deepaw.spectral import ChebyshevBasis
from potential.descriptor.test_pairwise import descriptor, environment, moments_of

TOLERANCES = (1e-4, 1e-7, 1e-10)


@pytest.mark.parametrize("case", ["one_side", "pairs", "radial"])
def test_a_basis_holds_embeddings_and_their_slopes(case: str) -> None:
    part = descriptor(case, False)
    x = torch.linspace(0, 1.3, 400, dtype=torch.float64)
    large = ChebyshevBasis(0.0, 1.3, 200)
    with torch.no_grad():
        exact = part.coefficients(large).view(2, 2, 200, -1)
    functions, slopes = large.values(x) @ exact, large.derivatives(x) @ exact
    sizes = []
    for tolerance in TOLERANCES:
        basis = fitting_basis(part, 1.3, tolerance)
        assert (basis.low, basis.high) == (0.0, 1.3)
        with torch.no_grad():
            C = part.coefficients(basis).view(2, 2, basis.size, -1)
        error = (basis.values(x) @ C - functions).abs().max() / functions.abs().max()
        slope_error = (basis.derivatives(x) @ C - slopes).abs().max() / slopes.abs().max()
        assert error < 10 * tolerance and slope_error < 100 * tolerance
        sizes.append(basis.size)
    assert sizes[0] < sizes[1] < sizes[2] < 80


def test_a_net_that_is_not_smooth_takes_the_largest() -> None:
    part = descriptor("one_side", False)
    for layer in part.nets.layers:
        layer._function = torch.relu
    assert fitting_basis(part, 1.3, 1e-10).size > LARGEST_BASIS // 2


@pytest.mark.parametrize("case", ["one_side", "pairs", "radial"])
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_the_first_layer_sees_the_descriptor(case: str, tolerance: float) -> None:
    """features @ weights of the fold = descriptor @ weights."""
    part, env = descriptor(case, False), environment()
    weights = torch.randn(part.width, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        basis = ChebyshevBasis(0.0, 1.2, 64)
        moments = moments_of(part, env, basis)
        expected = part(env) @ weights
        for kind in range(2):
            folded = fold(part, kind, basis, weights, tolerance)
            Q = sum(moments[:, :, t] @ P for t, P in enumerate(folded.project))
            features = (Q.transpose(1, 2) @ Q[:, :, : folded.axes]).flatten(1) if folded.axes else Q.flatten(1)
            atoms = env.types == kind
            error = (features @ folded.weights)[atoms] - expected[atoms]
            assert error.abs().max() < 30 * tolerance * expected.abs().max()


def test_a_looser_tolerance_needs_fewer_functions() -> None:
    part = descriptor("one_side", False)
    weights = torch.randn(part.width, 9, dtype=torch.float64)
    with torch.no_grad():
        sizes = [
            fold(part, 0, ChebyshevBasis(0.0, 1.2, 64), weights, t).project[0].shape[1] for t in (1e-1, 1e-3, 1e-9)
        ]
    assert sizes[0] < sizes[1] <= sizes[2] <= part.config.neuron[-1]
