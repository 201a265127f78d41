"""Tables of pair energies for tests."""

from __future__ import annotations

import numpy as np

from deepaw.potential.shortrange.table import PairTable


def smooth_table(ntypes: int, rcut: float, first: float = 0.05, spacing: float = 0.05) -> PairTable:
    """Return screened repulsions that differ by pair of types and go to 0 at rcut, A, with slope 0."""
    r = np.arange(first, rcut + spacing / 2, spacing)
    left = np.clip(1 - r / rcut, 0, 1)
    pairs = range(1, ntypes * (ntypes + 1) // 2 + 1)
    return PairTable(np.stack([r, *((2 + pair) * np.exp(-r) / (0.1 + r) * left**3 for pair in pairs)], axis=1))
