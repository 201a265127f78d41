"""What the multipoles of atoms are at points near them, pair by pair: the innermost work of their engine.

sum_lm f_lm(r) Y_lm(r / |r|) for each pair of a point and an atom, with f read from a table by linear interpolation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from deepaw.equivariant.harmonics import harmonic_components

MultipolePairs = Callable[[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor], Tensor, int], Tensor]

CLOSE_ENOUGH = 1e-4
"""Of the largest value: by how much a compiled function may deviate where it is tried."""


class CompilationError(Exception):
    """Nothing was compiled; the text says why in half a sentence."""


def multipole_pairs(
    table: Tensor, row: Tensor, fraction: Tensor, vector: tuple[Tensor, Tensor, Tensor], length: Tensor, lmax: int
) -> Tensor:
    """(pairs,). Operation by operation.

    table: (rows, (lmax + 1)^2), the f_lm of one radius of one atom in each row. row, fraction: (pairs,), between which
    row and the next, and where. vector: x, y and z of the point as seen from the atom, each (pairs,), A; length:
    (pairs,).
    """
    # linear interpolation in one pass over memory
    profile = torch.nn.functional.embedding_bag(
        torch.stack((row, row + 1), dim=-1),
        table,
        mode="sum",
        per_sample_weights=torch.stack((1 - fraction, fraction), dim=-1),
    )
    total = profile[:, 0].clone()
    for lm, component in enumerate(_components(vector, length, lmax)[1:], start=1):
        total.addcmul_(profile[:, lm], component)
    return total


def compiled_multipole_pairs(device: torch.device, dtype: torch.dtype, lmax: int) -> MultipolePairs:
    """The same in one pass over the pairs, by torch.compile; it is compiled, and tried, before this returns.

    Raises CompilationError: there is no compiler for the device, or what it made does not give the same numbers.
    """
    if (missing := _missing(device)) is not None:
        raise CompilationError(missing)
    options: dict[str, Any] = {"cpp.threads": 1}  # there are as many tiles at a time as there are threads
    try:
        fused = torch.compile(_one_pass, dynamic=True, fullgraph=True, options=options)
        _try(fused, device, dtype, lmax)
    except CompilationError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise CompilationError(f"torch.compile failed ({type(error).__name__}: {''.join(first)[:200]})") from error

    def pairs(
        table: Tensor, row: Tensor, fraction: Tensor, vector: tuple[Tensor, Tensor, Tensor], length: Tensor, lmax: int
    ) -> Tensor:
        # sizes of 0 and 1 would be compiled for themselves
        return (fused if len(row) > 1 else multipole_pairs)(table, row, fraction, vector, length, lmax)

    return pairs


def _one_pass(
    table: Tensor, row: Tensor, fraction: Tensor, vector: tuple[Tensor, Tensor, Tensor], length: Tensor, lmax: int
) -> Tensor:
    total = torch.zeros_like(length)
    for lm, component in enumerate(_components(vector, length, lmax)):
        low, high = table[row, lm], table[row + 1, lm]
        total = total + (low + fraction * (high - low)) * component
    return total


def _components(vector: tuple[Tensor, Tensor, Tensor], length: Tensor, lmax: int) -> list[Tensor]:
    inverse = 1 / length.clamp(min=1e-12)
    x, y, z = vector
    return harmonic_components(lmax, (x * inverse, y * inverse, z * inverse))


def _missing(device: torch.device) -> str | None:
    """What is not there for compiling."""
    if device.type == "cuda":
        return None if find_spec("triton") is not None else "Triton is not installed"
    compiler = os.environ.get("CXX", "g++")
    return None if shutil.which(compiler) is not None else f"there is no C++ compiler ({compiler}; CXX names another)"


@torch.no_grad()
def _try(fused: MultipolePairs, device: torch.device, dtype: torch.dtype, lmax: int) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(50, (lmax + 1) ** 2, generator=generator)
    row = torch.randint(49, (300,), generator=generator)
    fraction, x, y, z = torch.rand(4, 300, generator=generator)
    floats = [values.to(device, dtype) for values in (table, fraction, x, y, z)]
    table, fraction, x, y, z = floats
    given = (table, row.to(device), fraction, (x, y, z), (x * x + y * y + z * z).sqrt(), lmax)
    expected = multipole_pairs(*given)
    if not (fused(*given) - expected).abs().max() <= CLOSE_ENOUGH * expected.abs().max():
        raise CompilationError("what torch.compile made gives other numbers")
