"""Attention among neighbours against loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from deepaw.potential.descriptor.attention import AttentionLayer

M, HIDDEN = 4, 3


def layer(**keys: object) -> AttentionLayer:
    defaults = {
        "angles": True,
        "normalize": True,
        "factor": 0.7,
        "smooth": True,
        "trainable_norm": True,
        "epsilon": 1e-5,
    }
    attention = AttentionLayer(M, HIDDEN, **{**defaults, **keys}, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        attention.scale += 0.1 * torch.arange(M)
        attention.shift -= 0.2
    return attention


def slots() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return G, filled, w and e of two atoms with five slots, of which the second has two neighbours."""
    generator = torch.Generator().manual_seed(2)
    G = torch.randn(2, 5, M, generator=generator, dtype=torch.float64)
    filled = torch.ones(2, 5, dtype=torch.bool)
    filled[1, 2:] = False
    w = torch.rand(2, 5, generator=generator, dtype=torch.float64) * filled
    direction = torch.nn.functional.normalize(torch.randn(2, 5, 3, generator=generator, dtype=torch.float64), dim=-1)
    return G * filled[:, :, None], filled, w, direction * filled[:, :, None]


@torch.no_grad()
def looped(layer: AttentionLayer, G: Tensor, w: Tensor, direction: Tensor, empty: int) -> Tensor:
    """Compute G' of one atom's neighbours (n, M), with `empty` empty slots."""
    n = len(G)
    QKV = G @ layer.into.w + layer.into.b
    Q, K, V = QKV.split(HIDDEN, dim=1)
    if layer.normalize:
        Q, K, V = (x / x.norm(dim=1, keepdim=True) for x in (Q, K, V))
    rows = []
    for j in range(n):
        logits = [layer.factor * float(Q[j] @ K[k]) for k in range(n)]
        empty_sum = 0.0
        if layer.smooth:
            logits = [(x + 20) * float(w[j] * w[k]) - 20 for k, x in enumerate(logits)]
            empty_sum = empty * math.exp(-20)
        total = sum(math.exp(x) for x in logits) + empty_sum
        row = torch.zeros(HIDDEN, dtype=torch.float64)
        for k in range(n):
            weight = math.exp(logits[k]) / total
            if layer.smooth:
                weight *= float(w[j] * w[k])
            if layer.angles:
                weight *= float(direction[j] @ direction[k])
            row = row + weight * V[k]
        x = G[j] + row @ layer.out.w + layer.out.b[0]
        x = (x - x.mean()) / (x.var(unbiased=False) + layer.epsilon).sqrt()
        rows.append(x * layer.scale + layer.shift)
    return torch.stack(rows)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"smooth": False},
        {"angles": False, "normalize": False},
        {"smooth": False, "trainable_norm": False, "epsilon": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("total", [9, 5, 3])
def test_the_equations_as_loops(keys: dict, total: int) -> None:
    """With more slots than neighbours, as many, and fewer."""
    attention = layer(**keys)
    G, filled, w, direction = slots()
    actual = attention(G, filled, w, direction, total).detach()
    for atom, count in ((0, 5), (1, 2)):
        expected = looped(attention, G[atom, :count], w[atom], direction[atom], total - count)
        torch.testing.assert_close(actual[atom, :count], expected)


def test_a_neighbour_at_the_cutoff_is_an_empty_slot() -> None:
    attention = layer()
    G, filled, w, direction = slots()
    w[0, 4] = 0
    actual = attention(G, filled, w, direction, 9)
    without = attention(G[:1, :4], filled[:1, :4], w[:1, :4], direction[:1, :4], 9)
    torch.testing.assert_close(actual[:1, :4], without)
    torch.testing.assert_close(actual[0, 4], attention.forward_empty(G[0, 4:])[0])


@pytest.mark.parametrize("smooth", [True, False])
def test_gradients_where_an_atom_has_no_neighbours(smooth: bool) -> None:
    attention = layer(smooth=smooth)
    G, filled, w, direction = slots()
    filled[1] = False
    G = G.requires_grad_()
    (first,) = torch.autograd.grad(attention(G, filled, w * filled, direction, 9).square().sum(), G, create_graph=True)
    parameters = list(attention.parameters())
    second = torch.autograd.grad(first.square().sum(), parameters)
    assert all(torch.isfinite(gradient).all() for gradient in (first, *second))


def test_a_normalisation_that_is_not_trained_has_no_parameters() -> None:
    names = {name for name, _ in layer(trainable_norm=False).named_parameters()}
    assert names == {"into.w", "into.b", "out.w", "out.b"}
    assert {"scale", "shift"} <= layer(trainable_norm=False).state_dict().keys()
