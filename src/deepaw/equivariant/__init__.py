"""Rotations in plain torch, in e3nn's conventions: real spherical harmonics and Wigner 3j symbols.

e3nn itself is what the reference models are built on; importing it costs as much time as importing torch, so the
accelerated twins use these few constants instead, and the tests hold them equal to e3nn's.
"""

from deepaw.equivariant.harmonics import spherical_harmonics
from deepaw.equivariant.wigner import wigner_3j

__all__ = ["spherical_harmonics", "wigner_3j"]
