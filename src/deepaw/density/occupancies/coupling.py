"""Atomic density matrices as irreducible components, and back.

    x[ij, L, M] = sum_mm' K[M, m, m'] D[im, jm']      pairs of channels i <= j, L = |l - l'|, |l - l'| + 2, ..., l + l'

K is the coupling of l and l' to L, orthonormal, so that the way back is its transpose. Rows and columns of D follow
real harmonics with z polar (l = 1: y, z, x), components x those of e3nn (y polar, l = 1: x, y, z), in which the
features of the networks are. Degrees of unnatural parity, |l - l'| + 1, ..., are left out: no scalar or polar
field of the neighbours makes them at first order, and VASP does not write them either.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from deepaw.density.occupancies.channels import Channels
from deepaw.equivariant import spherical_harmonics, wigner_3j

Array = NDArray[np.float64]


class Coupling:
    """Coupling of the matrices of one list of channels.

    terms: (i, j, L) of every row of components, by L and then by pair. counts: rows of every degree L. Components lie
    flat, row after row: (size,) of an atom.
    """

    def __init__(self, degrees: tuple[int, ...]) -> None:
        channels = Channels("", tuple((0, degree) for degree in degrees))
        slices = channels.slices()
        every = [(i, j, total) for i, j in channels.pairs() for total in channels.totals(i, j)]
        self.terms = sorted(every, key=lambda term: term[2])
        self.counts = [sum(term[2] == total for term in self.terms) for total in range(2 * max(degrees) + 1)]
        self.size = sum(2 * total + 1 for _, _, total in self.terms)
        self.multiplicity = np.array([1.0 if i == j else 2.0 for i, j, _ in self.terms])
        """How often each row counts in |D|^2: a block beside the diagonal is there twice."""
        self._couple = np.zeros((self.size, channels.size, channels.size))
        self._uncouple = np.zeros_like(self._couple)
        start = 0
        for i, j, total in self.terms:
            rows = slice(start, start + 2 * total + 1)
            block = coupling_block(degrees[i], degrees[j], total)
            transposed = block.transpose(0, 2, 1)
            self._uncouple[rows, slices[i], slices[j]] = block
            self._uncouple[rows, slices[j], slices[i]] = transposed
            self._couple[rows, slices[i], slices[j]] = block / (1 if i == j else 2)
            self._couple[rows, slices[j], slices[i]] = transposed / (1 if i == j else 2)
            start = rows.stop

    def couple(self, matrices: Array) -> Array:
        """Components (..., size) of symmetric matrices D (..., ni, ni)."""
        return np.tensordot(matrices, self._couple, axes=((-2, -1), (1, 2)))

    def uncouple(self, components: Array) -> Array:
        """Matrices D (..., ni, ni), symmetric and of natural parity, of components (..., size)."""
        return np.tensordot(components, self._uncouple, axes=(-1, 0))

    def split(self, components: Array) -> list[Array]:
        """Components (n, size) by degree: for every L (n, counts[L], 2 L + 1)."""
        ends = np.cumsum([count * (2 * total + 1) for total, count in enumerate(self.counts)])[:-1]
        parts = np.split(components, ends, axis=-1)
        return [
            part.reshape(len(components), count, 2 * total + 1)
            for total, (part, count) in enumerate(zip(parts, self.counts, strict=True))
        ]

    def join(self, blocks: list[Array]) -> Array:
        """Components (n, size) of some degrees; the highest ones, where they are missing, are zero."""
        count = len(blocks[0])
        flat = np.concatenate([block.reshape(count, -1) for block in blocks], axis=1)
        return np.pad(flat, ((0, 0), (0, self.size - flat.shape[1])))


@cache
def coupling_of(degrees: tuple[int, ...]) -> Coupling:
    """The coupling of channels with angular momenta `degrees`, made once."""
    return Coupling(degrees)


@cache
def coupling_block(first: int, second: int, total: int) -> Array:
    """K (2 L + 1, 2 l + 1, 2 l' + 1): from channels' real harmonics with z polar to components of e3nn."""
    tensor = wigner_3j(first, second, total).numpy() * sqrt(2 * total + 1)
    block: Array = np.einsum("ma,nb,abM->Mmn", to_z_polar(first), to_z_polar(second), tensor)
    return block


@cache
def to_z_polar(degree: int) -> Array:
    """R (2 l + 1, 2 l + 1), orthogonal: harmonics with z polar are R times those of e3nn.

    The former at (x, y, z) are the latter at (y, z, x).
    """
    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(8 * degree + 8, 3)))
    of_e3nn = spherical_harmonics(degree, vectors)[:, degree**2 :].numpy()
    z_polar = spherical_harmonics(degree, vectors[:, [1, 2, 0]])[:, degree**2 :].numpy()
    rotation: Array = np.linalg.lstsq(of_e3nn, z_polar, rcond=None)[0].T
    return rotation


@cache
def gaunt_factor(first: int, second: int, total: int) -> float:
    """c in: integral of Y_lm Y_l'm' Y_LM = c K[M, m, m'], with K in one basis of real harmonics throughout."""
    vector = torch.tensor([[0.3, -0.5, 0.8]], dtype=torch.float64)
    values = spherical_harmonics(max(first, second, total), vector)[0].numpy() / sqrt(4 * np.pi)
    one, other, product = (values[degree**2 : (degree + 1) ** 2] for degree in (first, second, total))
    coupled = np.einsum("a,b,abM->M", one, other, wigner_3j(first, second, total).numpy() * sqrt(2 * total + 1))
    return float(coupled @ product / (product @ product))
