"""Forces and virials of derivatives in the vectors of pairs, by both implementations, and their transpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from deepaw.native.library import find_library
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import NeighbourTable, table_of
from deepaw.potential.pairs.forces import add_forces, forces, pair_gradient, transpose_forces
from deepaw.potential.pairs.reference import TorchPairOperator
from potential.pairs.operators import CASES, assert_near, form_of, random_like, table_of_case
from potential.structures import crowd

FRAME = torch.tensor([0, 1, 0, 2, 2, 1, 0, 1])
NATOMS, NFRAMES = len(FRAME), 3

RELATIVE = {torch.float64: 1e-14, torch.float32: 1e-14}
"""Sums are in float64 whatever the numbers of the pairs."""


def table(dtype: torch.dtype = torch.float64) -> NeighbourTable:
    structure = crowd(3, NATOMS)
    structure = structure[structure.types.argsort(kind="stable")]
    return table_of(find_environment(structure.coord, structure.cell, structure.types, 3.0), 3).cast(dtype)


@pytest.fixture(params=["compiled", "torch"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "torch":
        monkeypatch.setattr("deepaw.potential.pairs.forces.find_library", lambda: None)
    elif find_library() is None:
        pytest.skip("the compiled library was not built")
    return str(request.param)


def sums(neighbours: NeighbourTable, gradient: Tensor, frame: Tensor | None = FRAME) -> list[Tensor]:
    """Compute forces, virials and atomic virials, added to initial numbers."""
    totals = [random_like(shape, seed=9) for shape in ((NATOMS, 3), (NFRAMES, 3, 3), (NATOMS, 3, 3))]
    add_forces(neighbours, gradient, totals[0], totals[1], frame, totals[2])
    return totals


def sums_by_loops(neighbours: NeighbourTable, gradient: Tensor) -> list[Tensor]:
    force, virial, atom_virial = (
        random_like(shape, seed=9) for shape in ((NATOMS, 3), (NFRAMES, 3, 3), (NATOMS, 3, 3))
    )
    for pair, centre in enumerate(neighbours.centre.tolist()):
        neighbour, g = int(neighbours.neighbour[pair]), gradient[:, pair].double()
        product = torch.outer(g, neighbours.vector[:, pair].double())
        force[neighbours.first + centre] += g
        force[neighbour] -= g
        virial[FRAME[neighbours.first + centre]] -= product
        atom_virial[neighbour] -= product
    return [force, virial, atom_virial]


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", RELATIVE)
@pytest.mark.parametrize(("first", "last"), [(0, NATOMS), (2, 5), (NATOMS - 1, NATOMS), (3, 3)])
def test_sums_pair_by_pair(dtype: torch.dtype, first: int, last: int) -> None:
    """Forces of a share with an offset among all atoms; neighbours are indices among all atoms."""
    share = table(dtype).share(first, last)
    gradient = random_like((3, len(share.neighbour)), dtype, 1)
    for actual, expected in zip(sums(share, gradient, FRAME[first:last]), sums_by_loops(share, gradient), strict=True):
        assert_near(actual, expected, RELATIVE[dtype])


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("layout", [lambda g: g.T.contiguous().T, lambda g: g[:1].expand(3, -1)])
def test_gradients_of_any_layout(layout: Callable[[Tensor], Tensor]) -> None:
    neighbours = table()
    gradient = layout(random_like((3, len(neighbours.neighbour)), seed=1))
    assert not gradient.is_contiguous()
    for actual, expected in zip(sums(neighbours, gradient), sums_by_loops(neighbours, gradient), strict=True):
        assert_near(actual, expected, 1e-14)


@pytest.mark.usefixtures("implementation")
def test_without_frames_all_is_of_the_first() -> None:
    neighbours = table()
    gradient = random_like((3, len(neighbours.neighbour)), seed=1)
    force, virial = torch.zeros(NATOMS, 3, dtype=torch.float64), torch.zeros(2, 3, 3, dtype=torch.float64)
    add_forces(neighbours, gradient, force, virial)
    assert_near(virial[0], -(gradient @ neighbours.vector.T), 1e-13)
    assert not virial[1].any()
    force_only = torch.zeros_like(force)
    add_forces(neighbours, gradient, force_only)
    assert torch.equal(force_only, force)
    assert float(force.sum(0).abs().max()) < 1e-12


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", RELATIVE)
@pytest.mark.parametrize("with_virial", [True, False])
def test_the_transpose(dtype: torch.dtype, with_virial: bool) -> None:
    """<forces(g), w> = <g, transpose(w)>, also for shares."""
    for first, last in ((0, NATOMS), (2, 5), (3, 3)):
        share, frame = table(dtype).share(first, last), FRAME[first:last]
        gradient = random_like((3, len(share.neighbour)), dtype, 1)
        grad_force, grad_virial = random_like((NATOMS, 3), seed=2), random_like((NFRAMES, 3, 3), seed=3)
        force, virial = torch.zeros_like(grad_force), torch.zeros_like(grad_virial)
        add_forces(share, gradient, force, virial, frame)
        tangent = transpose_forces(share, grad_force, grad_virial if with_virial else None, frame)
        assert tangent.dtype == dtype and tangent.shape == (3, len(share.neighbour))
        expected = (force * grad_force).sum() + ((virial * grad_virial).sum() if with_virial else 0)
        actual = (tangent.double() * gradient.double()).sum()
        torch.testing.assert_close(actual, expected, rtol=1e-12 if dtype == torch.float64 else 1e-5, atol=1e-12)


@pytest.mark.usefixtures("implementation")
def test_gradients_that_are_not_contiguous() -> None:
    neighbours = table()
    grad_force, grad_virial = random_like((NATOMS, 3), seed=2), random_like((NFRAMES, 3, 3), seed=3)
    expected = transpose_forces(neighbours, grad_force, grad_virial, FRAME)
    strided = grad_force.T.contiguous().T, grad_virial.transpose(0, 2).contiguous().transpose(0, 2)
    assert torch.equal(transpose_forces(neighbours, *strided, FRAME), expected)


@pytest.mark.parametrize("dtype", RELATIVE)
def test_compiled_and_torch_agree(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_library() is None:
        pytest.skip("the compiled library was not built")
    neighbours = table(dtype)
    gradient = random_like((3, len(neighbours.neighbour)), dtype, 1)
    weights = random_like((NATOMS, 3), seed=2), random_like((NFRAMES, 3, 3), seed=3)

    def compute() -> list[Tensor]:
        return [*sums(neighbours, gradient), transpose_forces(neighbours, *weights, FRAME)]

    actual = compute()
    monkeypatch.setattr("deepaw.potential.pairs.forces.find_library", lambda: None)
    for value, expected in zip(actual, compute(), strict=True):
        assert_near(value, expected, 1e-14 if value.dtype == torch.float64 else 1e-7)


@pytest.mark.usefixtures("implementation")
def test_forces_are_differentiable() -> None:
    neighbours = table()
    gradient = random_like((3, len(neighbours.neighbour)), seed=1).requires_grad_()
    force, virial = forces(neighbours, gradient, NATOMS, FRAME, NFRAMES)
    grad_force, grad_virial = random_like((NATOMS, 3), seed=2), random_like((NFRAMES, 3, 3), seed=3)
    (actual,) = torch.autograd.grad([force, virial], gradient, [grad_force, grad_virial])
    assert_near(actual, transpose_forces(neighbours, grad_force, grad_virial, FRAME), 1e-14)
    force_only, none = forces(neighbours, gradient, NATOMS, None, NFRAMES)
    assert torch.equal(force_only, force) and not none.any()
    (actual,) = torch.autograd.grad(force_only, gradient, grad_force)
    assert_near(actual, transpose_forces(neighbours, grad_force), 1e-14)


def test_the_gradient_of_pairs_is_differentiable() -> None:
    case = CASES["fading"]
    form, neighbours = form_of(case), table_of_case(case)
    operator = TorchPairOperator(form, torch.float64)
    gradient = random_like((neighbours.natoms, *form.shape), seed=1).requires_grad_()
    actual = pair_gradient(operator, neighbours, gradient)
    assert torch.equal(actual, operator.vjp(neighbours, gradient.detach()))
    tangent = random_like(actual.shape, seed=2)
    (transposed,) = torch.autograd.grad(actual, gradient, tangent)
    assert torch.equal(transposed, operator.jvp(neighbours, tangent))


@pytest.mark.usefixtures("implementation")
def test_gradients_in_other_numbers_than_the_vectors() -> None:
    """As networks in float32 give them where a kernel takes vectors in float64."""
    neighbours = table()
    gradient = random_like((3, len(neighbours.neighbour)), torch.float32, 1)
    for found, expected in zip(sums(neighbours, gradient), sums_by_loops(neighbours, gradient), strict=True):
        assert_near(found, expected, 1e-14)
    gradient.requires_grad_()
    force, virial = forces(neighbours, gradient, NATOMS, FRAME, NFRAMES)
    (found,) = torch.autograd.grad(force.square().sum() + virial.square().sum(), gradient)
    assert found.dtype == torch.float32
    expected = transpose_forces(neighbours, 2 * force.detach(), 2 * virial.detach(), FRAME)
    assert_near(found, expected.float(), 1e-6)
