"""Pairs in one pass, where there is a compiler, beside the same operation by operation."""

import os
import shutil

import numpy as np
import pytest
import torch
from ase.build import bulk

from deepaw.density.engine import InferenceEngine
from deepaw.density.engine.multipolepairs import CompilationError, compiled_multipole_pairs, multipole_pairs
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig

COMPILER = shutil.which(os.environ.get("CXX", "g++"))


def small_model() -> DensityModel:
    """With weights that no training has seen, and harmonics of the degrees 0 and 1."""
    torch.manual_seed(0)
    splines = SplineConfig((6, 4), (3.0, 3.0))
    config = ExpansionConfig((8, 12), channels=4, lmax=1, sender_lmax=1, num_interactions=1, splines=splines)
    fitted = FittedAtoms((8, 12), SplineConfig((8,), (3.0,)), torch.ones(2, 8))
    return DensityModel(ExpansionNetwork(config), fitted, {"O": 6.0, "Mg": 2.0})


def pairs(count: int, lmax: int, dtype: torch.dtype) -> tuple:
    generator = torch.Generator().manual_seed(count)
    table = torch.randn(40, (lmax + 1) ** 2, generator=generator, dtype=dtype)
    row = torch.randint(39, (count,), generator=generator)
    fraction, x, y, z = torch.rand(4, count, generator=generator, dtype=dtype)
    return table, row, fraction, (x, y, z), (x * x + y * y + z * z).sqrt(), lmax


def test_linear_interpolation_times_harmonics() -> None:
    table, row, fraction, vector, length, _ = given = pairs(5, 1, torch.float64)
    profile = table[row] * (1 - fraction[:, None]) + table[row + 1] * fraction[:, None]
    expected = profile[:, 0] + (profile[:, 1:] * torch.stack(vector, dim=-1)).sum(-1) * 3**0.5 / length
    torch.testing.assert_close(multipole_pairs(*given), expected)


@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_compiled_pairs_and_densities() -> None:
    fused = compiled_multipole_pairs(torch.device("cpu"), torch.float32, 1)
    for count in (0, 1, 2, 77):
        given = pairs(count, 1, torch.float32)
        torch.testing.assert_close(fused(*given), multipole_pairs(*given), rtol=1e-4, atol=1e-4)
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.rattle(0.05, seed=1)
    model = small_model()
    plain, compiled = (InferenceEngine(model, compiled=flag).predict(atoms, (12, 12, 12)) for flag in (False, True))
    np.testing.assert_allclose(compiled.density_3d, plain.density_3d, rtol=1e-4, atol=1e-5)


def test_without_a_compiler(monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompilationError, match="no C\\+\\+ compiler \\(no-such-compiler"):
        InferenceEngine("fast", compiled=True)
