"""Smooth weight s(r) of a neighbour (Zhang et al., NeurIPS 2018, eq. 5, with the quintic switch of DeePMD-kit)."""

from __future__ import annotations

import torch
from torch import Tensor


def switch(r: Tensor, rcut_smth: float, rcut: float) -> Tensor:
    """Compute w(r): 1 up to rcut_smth, 0 from rcut on, x^3 (-6 x^2 + 15 x - 10) + 1 between, where
    x = (r - rcut_smth) / (rcut - rcut_smth).
    """
    x = ((r - rcut_smth) / (rcut - rcut_smth)).clamp(0, 1)
    return x**3 * (-6 * x**2 + 15 * x - 10) + 1


def switch_derivative(r: Tensor, rcut_smth: float, rcut: float) -> Tensor:
    """Compute dw/dr, 1/A: -30 x^2 (x - 1)^2 / (rcut - rcut_smth)."""
    x = ((r - rcut_smth) / (rcut - rcut_smth)).clamp(0, 1)
    return (-30 / (rcut - rcut_smth)) * (x * (x - 1)) ** 2


def environment_rows(vector: Tensor, rcut_smth: float, rcut: float, protection: float = 0.0) -> Tensor:
    """Compute the raw environment matrix (s, s x/r, s y/r, s z/r), (npairs, 4), 1/A, from vectors (npairs, 3) in A.

    s = w(r) / r; with a protection p (A), r + p replaces r in the denominators.
    """
    r = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    inverse = 1 / (r + protection)
    return torch.cat([inverse, vector * inverse**2], dim=-1) * switch(r, rcut_smth, rcut)
