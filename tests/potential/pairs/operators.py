"""Forms and tables with random numbers for tests of the pair operator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepaw.native.library import find_library
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.compiled import CompiledPairOperator
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.operator import PairOperator
from deepaw.spectral import ChebyshevBasis

RCUT, RCUT_SMTH = 4.0, 1.5
CLOSEST = 1.2
"""A, the distance at which the basis ends."""


@dataclass(frozen=True)
class Case:
    """Settings of a form and of the table of neighbours.

    counts: neighbours of each type of one atom, (natoms, ntypes); by default random numbers from 0 to 9.
    distances: A, of the first pairs; those of the others are random, some of them beyond the cutoff or nearer than the
        basis reaches.
    """

    ntypes: int = 2
    components: int = 4
    polynomials: int = 12
    fading: bool = False
    excluded: Sequence[tuple[int, int]] = ()
    fixed_slots: bool = False
    protection: float = 0.0
    counts: Sequence[Sequence[int]] | None = None
    distances: Sequence[float] = ()


CASES = {
    "four components": Case(),
    "one component": Case(components=1),
    "fading": Case(fading=True),
    "excluded": Case(excluded=[(0, 1), (1, 0)]),
    "excluded, fixed slots": Case(excluded=[(0, 0), (1, 0)], fixed_slots=True),
    "excluded, fixed slots, one component": Case(excluded=[(1, 1)], fixed_slots=True, components=1),
    "excluded, fading, fixed slots": Case(ntypes=3, excluded=[(0, 1), (1, 0), (2, 2)], fading=True, fixed_slots=True),
    "all excluded": Case(excluded=[(0, 0), (0, 1), (1, 0), (1, 1)], fixed_slots=True),
    "protection": Case(protection=0.3),
    "protection, fading": Case(protection=0.3, fading=True),
    "protection, one component": Case(protection=0.3, components=1),
    "no neighbour of a type": Case(counts=[(3, 0), (0, 0), (0, 5), (7, 0)]),
    "no neighbours": Case(counts=[(0, 0), (0, 0), (0, 0)]),
    "no neighbours, fading": Case(counts=[(0, 0), (0, 0)], fading=True),
    "no atoms": Case(counts=[]),
    "500 neighbours": Case(counts=[(1, 2), (500, 3), (0, 17), (241, 259)]),
    "500 neighbours, fading": Case(counts=[(500, 1), (0, 33)], fading=True, polynomials=24),
    "beyond the basis": Case(counts=[(4, 4), (9, 2)], distances=[0.3, 0.9, 1.19, 1.21, 0.05, CLOSEST, 1.0, 0.7]),
    "beyond the basis, fading": Case(counts=[(4, 4), (9, 2)], distances=[0.3, 0.9, 1.19, 1.21, 0.05], fading=True),
    "at the cutoff": Case(
        counts=[(5, 0), (0, 4)], distances=[RCUT, 4.5, RCUT_SMTH, RCUT - 1e-9, 8.0, RCUT, RCUT, RCUT]
    ),
    "beyond the cutoff alone": Case(counts=[(2, 0), (1, 1)], distances=[4.1, 5.0, RCUT, 9.0], protection=0.1),
    "one type": Case(ntypes=1),
    "five types": Case(ntypes=5, excluded=[(0, 4), (4, 0)]),
    "five types, fading": Case(ntypes=5, fading=True),
    **{f"{size} polynomials": Case(polynomials=size) for size in (1, 2, 3, 7, 8, 16, 24, 33, 48)},
    **{f"{size} polynomials, one component": Case(polynomials=size, components=1) for size in (1, 2, 7, 33)},
    **{f"{size} polynomials, fading": Case(polynomials=size, fading=True) for size in (1, 2, 7, 33)},
}


def form_of(case: Case, seed: int = 0) -> PairForm:
    """Form with random statistics and slots."""
    random = torch.Generator().manual_seed(seed)
    ntypes, components, K = case.ntypes, case.components, case.polynomials
    excluded = torch.zeros(ntypes, ntypes, dtype=torch.bool)
    for pair in case.excluded:
        excluded[pair] = True
    return PairForm(
        rcut=RCUT,
        rcut_smth=RCUT_SMTH,
        protection=case.protection,
        basis=ChebyshevBasis(0.0, 1 / (CLOSEST + case.protection), K),
        mean=torch.rand(ntypes, components, generator=random, dtype=torch.float64) * 0.2,
        scale=torch.rand(ntypes, components, generator=random, dtype=torch.float64) + 1,
        excluded=excluded,
        slots=torch.randint(3, 30, (ntypes,), generator=random).double(),
        empty=torch.randn(ntypes, components, K, generator=random, dtype=torch.float64),
        hidden=torch.randn(ntypes, components, K, generator=random, dtype=torch.float64),
        fixed_slots=case.fixed_slots,
        fading=case.fading,
    )


def table_of_case(case: Case, dtype: torch.dtype = torch.float64, seed: int = 0, natoms: int = 6) -> NeighbourTable:
    """Random neighbours of atoms of all types."""
    random = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 10, (natoms, case.ntypes), generator=random)
    if case.counts is not None:
        counts = torch.tensor(case.counts, dtype=torch.int64).view(-1, case.ntypes)
    natoms = len(counts)
    rows = torch.zeros(natoms * case.ntypes + 1, dtype=torch.int64)
    rows[1:] = counts.reshape(-1).cumsum(0)
    npairs = int(rows[-1])
    direction = torch.randn(3, npairs, generator=random, dtype=torch.float64)
    distance = 0.9 + (RCUT - 0.6) * torch.rand(npairs, generator=random, dtype=torch.float64)
    special = torch.tensor(case.distances[:npairs], dtype=torch.float64)
    vector = direction / direction.norm(dim=0) * distance
    vector[:, : len(special)] = 0
    vector[torch.arange(len(special)) % 3, torch.arange(len(special))] = special
    return NeighbourTable(
        types=(torch.arange(natoms) * case.ntypes // max(natoms, 1)).sort().values,
        rows=rows,
        neighbour=torch.randint(0, max(natoms, 1), (npairs,), generator=random, dtype=torch.int32),
        vector=vector.to(dtype),
        ntypes=case.ntypes,
    )


def random_like(shape: Sequence[int], dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Return normally distributed random numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def compiled_operator(form: PairForm, dtype: torch.dtype) -> PairOperator:
    """Return the compiled operator, or skip the test where there is no compiled library."""
    library = find_library()
    if library is None:
        pytest.skip("the compiled library was not built")
    return CompiledPairOperator(form, dtype, library)


def results(operator: PairOperator, table: NeighbourTable) -> list[Tensor]:
    """Compute moments, dE/dr and the tangent of B of a table for random gradients and displacements."""
    grad_moments = random_like((table.natoms, *operator.form.shape), operator.dtype, 1)
    tangent = random_like((3, len(table.neighbour)), operator.dtype, 2)
    return [operator.forward(table), operator.vjp(table, grad_moments), operator.jvp(table, tangent)]


def assert_near(actual: Tensor, expected: Tensor, relative: float) -> None:
    """Compare with a tolerance relative to the largest expected number."""
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    largest = float(expected.detach().abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=relative * largest)


def run_python(code: str, **environment: str) -> str:
    """Output of Python code in a process of its own, with modules of the tests and environment variables."""
    tests = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(tests)!r})\n{code}"
    finished = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
