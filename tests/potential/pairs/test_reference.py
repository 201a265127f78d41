"""The pair operator of PyTorch: its equations as loops, finite differences, transposes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from deepaw.potential.neighbours.switch import switch
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.reference import TorchPairOperator
from potential.pairs.operators import CASES, Case, assert_near, form_of, random_like, table_of_case


def moments_by_loops(form: PairForm, table: NeighbourTable) -> Tensor:
    """Compute moments (natoms, components, groups, K), pair by pair, by the equations in `PairForm`."""
    K, lead = form.basis.size, 1 if form.fading else 0
    result = torch.zeros(table.natoms, *form.shape, dtype=torch.float64)
    empty, hidden = table.counts.double() * 0 + form.slots, torch.zeros_like(table.counts)
    for pair, (atom, kind) in enumerate(zip(table.centre.tolist(), table.neighbour_types.tolist(), strict=True)):
        centre = int(table.types[atom])
        if form.excluded[centre, kind]:
            if form.fixed_slots:
                empty[atom, kind] -= 1
                hidden[atom, kind] += 1
            continue
        empty[atom, kind] -= 1
        vector = table.vector[:, pair]
        r = vector.norm()
        w = switch(r, form.rcut_smth, form.rcut)
        s = w / (r + form.protection)
        if s <= form.basis.high:
            T = form.basis.values(s)
        else:
            end = torch.tensor(form.basis.high, dtype=torch.float64)
            T = form.basis.values(end) + (s - end) * form.basis.derivatives(end)[:K]
        R = torch.ones(1, dtype=torch.float64)
        if form.components == 4:
            raw = torch.cat([s.view(1), s * vector / (r + form.protection)])
            R = (raw - form.mean[centre]) * form.scale[centre]
        if form.fading:
            result[atom, :, 0] += torch.outer(R, T)
        result[atom, :, lead + kind] += torch.outer(R, T) * (w if form.fading else 1)
    for atom in range(table.natoms):
        centre = int(table.types[atom])
        for kind in range(form.ntypes):
            constant = empty[atom, kind] * form.empty[centre] + hidden[atom, kind] * form.hidden[centre]
            result[atom, :, 0 if form.fading else kind] += constant
    return result


@pytest.mark.parametrize("name", CASES)
def test_the_equations_as_loops(name: str) -> None:
    form, table = form_of(CASES[name]), table_of_case(CASES[name])
    actual = TorchPairOperator(form, torch.float64).forward(table)
    assert actual.shape == (table.natoms, *form.shape)
    assert_near(actual, moments_by_loops(form, table), 1e-12)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.polynomials <= 12])
def test_vjp_is_the_gradient_of_forward(name: str) -> None:
    """By finite differences along a random displacement of all neighbours."""
    case = CASES[name]
    # C^1 alone where the basis ends and at cutoffs, so that differences across these say less
    case = replace(case, distances=[distance + 1e-4 for distance in case.distances])
    form, table = form_of(case), table_of_case(case)
    operator = TorchPairOperator(form, torch.float64)
    gradient = random_like((table.natoms, *form.shape), seed=1)
    actual = operator.vjp(table, gradient)
    assert actual.shape == table.vector.shape
    step, displacement = 1e-6, random_like(table.vector.shape, seed=2)
    up, down = (
        (operator.forward(replace(table, vector=table.vector + sign * step * displacement)) * gradient).sum()
        for sign in (1, -1)
    )
    expected = (up - down) / (2 * step)
    assert abs(float((actual * displacement).sum() - expected)) <= 1e-6 * float(actual.abs().sum()) + 1e-9


@pytest.mark.parametrize("name", CASES)
def test_jvp_is_the_transpose_of_vjp(name: str) -> None:
    form, table = form_of(CASES[name]), table_of_case(CASES[name])
    operator = TorchPairOperator(form, torch.float64)
    gradient, displacement = random_like((table.natoms, *form.shape), seed=1), random_like(table.vector.shape, seed=2)
    forces, moments = operator.vjp(table, gradient) * displacement, operator.jvp(table, displacement) * gradient
    assert abs(float(forces.sum() - moments.sum())) <= 1e-12 * float(forces.abs().sum())


def test_results_in_memory_that_is_there() -> None:
    """Moments overwrite `out` of any shape; gradients are added to it."""
    case = CASES["excluded"]
    form, table = form_of(case), table_of_case(case)
    operator = TorchPairOperator(form, torch.float64)
    shape = (table.natoms * form.components, -1)
    for compute, argument in (
        (operator.forward, ()),
        (operator.jvp, (random_like(table.vector.shape),)),
    ):
        expected = compute(table, *argument)
        out = torch.full_like(expected, torch.nan).view(shape)
        compute(table, *argument, out)
        assert torch.equal(out, expected.view(shape))
    gradient, initial = random_like((table.natoms, *form.shape)), random_like(table.vector.shape, seed=5)
    out = initial.clone()
    operator.vjp(table, gradient, out)
    torch.testing.assert_close(out, initial + operator.vjp(table, gradient))


def test_excluded_neighbours_have_no_gradient() -> None:
    case = CASES["all excluded"]
    form, table = form_of(case), table_of_case(case)
    operator = TorchPairOperator(form, torch.float64)
    assert not operator.vjp(table, random_like((table.natoms, *form.shape))).any()
    assert not operator.jvp(table, random_like(table.vector.shape)).any()


def test_types_fade_with_four_components() -> None:
    with pytest.raises(ValueError, match="types fade with 4 components, not with 1"):
        form_of(Case(fading=True, components=1))
