"""Every instruction set of the compiled library gives the same results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepaw.native.library import find_library
from deepaw.potential.pairs.compiled import CompiledPairOperator
from potential.pairs.operators import CASES, assert_near, form_of, results, run_python, table_of_case

NAMES = [name for name, case in CASES.items() if case.polynomials <= 24]

CODE = """
import torch
from potential.pairs.test_instruction_sets import compiled_results
torch.save(compiled_results(), {path!r})
from deepaw.native.library import describe_library
print(describe_library())
"""


def compiled_results() -> list[Tensor]:
    """Compute results of all cases in float32 and float64."""
    library = find_library()
    assert library is not None
    return [
        value
        for dtype in (torch.float64, torch.float32)
        for name in NAMES
        for value in results(
            CompiledPairOperator(form_of(CASES[name]), dtype, library), table_of_case(CASES[name], dtype)
        )
    ]


@pytest.mark.parametrize("name", ["baseline", "avx2", "avx512"])
def test_results(name: str, tmp_path: Path) -> None:
    if find_library() is None:
        pytest.skip("the compiled library was not built")
    path = tmp_path / "results.pt"
    description = run_python(CODE.format(path=str(path)), DEEPAW_INSTRUCTION_SET=name).strip()
    if description != f"compiled, {name}":
        pytest.skip(f"this processor has no {name}")
    for value, expected in zip(torch.load(path), compiled_results(), strict=True):
        assert_near(value, expected, 1e-12 if value.dtype == torch.float64 else 1e-5)
