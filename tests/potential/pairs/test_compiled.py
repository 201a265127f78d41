"""The compiled pair operator against that of PyTorch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch

from deepaw.potential.pairs.reference import TorchPairOperator
from potential.pairs.operators import (
    CASES,
    Case,
    assert_near,
    compiled_operator,
    form_of,
    random_like,
    results,
    table_of_case,
)

RELATIVE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.mark.parametrize("name", CASES)
def test_double_precision(name: str) -> None:
    form, table = form_of(CASES[name]), table_of_case(CASES[name])
    actual = results(compiled_operator(form, torch.float64), table)
    for value, expected in zip(actual, results(TorchPairOperator(form, torch.float64), table), strict=True):
        assert_near(value, expected, RELATIVE[torch.float64])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.polynomials <= 24])
def test_single_precision(name: str) -> None:
    form, table = form_of(CASES[name]), table_of_case(CASES[name], torch.float32)
    actual = results(compiled_operator(form, torch.float32), table)
    for value, expected in zip(actual, results(TorchPairOperator(form, torch.float32), table), strict=True):
        assert_near(value, expected, RELATIVE[torch.float32])


@pytest.mark.parametrize("dtype", RELATIVE)
@pytest.mark.parametrize("name", ["four components", "excluded, fading, fixed slots", "one component"])
def test_shares_of_a_table(name: str, dtype: torch.dtype) -> None:
    """Vectors of a share are columns of those of the whole table."""
    case = CASES[name]
    form, table = form_of(case), table_of_case(case, dtype, natoms=9)
    operator = compiled_operator(form, dtype)
    moments = operator.forward(table)
    gradient, displacement = random_like(moments.shape, dtype, 1), random_like(table.vector.shape, dtype, 2)
    grad_vector, tangent = operator.vjp(table, gradient), operator.jvp(table, displacement)
    for first, last in ((0, 4), (4, 5), (5, 9), (3, 3)):
        share = table.share(first, last)
        pairs = slice(*(int(table.rows[atom * table.ntypes]) for atom in (first, last)))
        assert torch.equal(operator.forward(share), moments[first:last])
        assert torch.equal(operator.vjp(share, gradient[first:last]), grad_vector[:, pairs])
        assert torch.equal(operator.jvp(share, displacement[:, pairs]), tangent[first:last])


@pytest.mark.parametrize("name", ["four components", "one component", "fading", "excluded"])
def test_results_in_memory_that_is_there(name: str) -> None:
    """Moments overwrite `out` of any shape; gradients are added to it, also in columns of a larger matrix."""
    form, table = form_of(CASES[name]), table_of_case(CASES[name])
    operator = compiled_operator(form, torch.float64)
    moments, grad_vector, tangent = results(operator, table)
    shape = (table.natoms * form.components, -1)
    out = torch.full_like(moments, torch.nan).view(shape)
    operator.forward(table, out)
    assert torch.equal(out, moments.view(shape))
    operator.jvp(table, random_like(table.vector.shape, seed=2), out.fill_(torch.nan))
    assert torch.equal(out, tangent.view(shape))
    initial = random_like((3, len(table.neighbour) + 5), seed=6)
    wide = initial.clone()
    operator.vjp(table, random_like(moments.shape, seed=1), wide[:, 2:-3])
    torch.testing.assert_close(wide[:, 2:-3], initial[:, 2:-3] + grad_vector)
    assert torch.equal(wide[:, :2], initial[:, :2]) and torch.equal(wide[:, -3:], initial[:, -3:])


def test_arguments_that_are_not_contiguous() -> None:
    case = CASES["four components"]
    form, table = form_of(case), table_of_case(case)
    operator = compiled_operator(form, torch.float64)
    moments, grad_vector, tangent = results(operator, table)
    gradient = random_like(moments.shape, seed=1).transpose(0, 3).contiguous().transpose(0, 3)
    displacement = random_like(table.vector.shape, seed=2).T.contiguous().T
    assert not gradient.is_contiguous() and not displacement.is_contiguous()
    assert torch.equal(operator.vjp(table, gradient), grad_vector)
    assert torch.equal(operator.jvp(table, displacement), tangent)


def test_several_threads_at_a_time() -> None:
    """Also with more scratch memory than a thread reserves."""
    for case in (Case(ntypes=3), Case(ntypes=5, polynomials=900, counts=[(3, 2, 1, 0, 4)] * 5)):
        form = form_of(case)
        operator = compiled_operator(form, torch.float64)
        tables = [table_of_case(case, seed=seed) for seed in range(12)]
        expected = [results(operator, table) for table in tables]
        with ThreadPoolExecutor(4) as pool:
            actual = list(pool.map(partial(results, operator), tables * 3))
        for values, others in zip(actual, expected * 3, strict=True):
            assert all(map(torch.equal, values, others))
