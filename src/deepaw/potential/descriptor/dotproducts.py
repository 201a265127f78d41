"""Sums over pairs of neighbours of functions of their dot product, without a network call or a row for each pair.

With theta = R_j . R_k and v = asinh(theta) / reach in [-1, 1], a net is theta G(theta) = v phi(v) C, with K polynomials
phi. theta reaches from the product of two bonds down to those of neighbours at the cutoff; nets have their structure
on all these scales, and polynomials in asinh(theta) resolve them alike. All that a descriptor needs of an atom's
neighbours of types t and u is

    S_tu = sum_jk v phi(v),   (K,),    sum_jk theta G = S_tu C

Pairs are worked on some at a time, so that memory does not grow with their number times K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from math import asinh

import torch
from torch import Tensor

from deepaw.spectral.product import ProductBasis

BYTES = 65_536
"""Of one number for each of the pairs of neighbours that are worked on together: polynomials stay in a processor's
cache."""

Rows = Sequence[Tensor]
"""Rows R of the neighbours of each type, (n, 3, slots of that type); those of slots left over are 0."""


@dataclass(frozen=True)
class DotBasis:
    """largest: that |theta| comes to. product: the polynomials phi."""

    largest: float
    product: ProductBasis

    @property
    def reach(self) -> float:
        """asinh(largest)."""
        return asinh(self.largest)

    def chebyshev(self, function: Callable[[Tensor], Tensor], device: torch.device | str = "cpu") -> Tensor:
        """Coefficients (nets, K, M) of theta G / v in Chebyshev polynomials of v; arguments as of `coefficients`."""
        v = self.product.chebyshev.nodes(torch.float64, device)
        theta = torch.sinh(self.reach * v)
        G = function(theta)
        of_nodes = G * (theta / v).to(G.dtype).unsqueeze(1)
        return self.product.chebyshev.coefficients(of_nodes.transpose(0, 1)).transpose(0, 1)

    def coefficients(self, function: Callable[[Tensor], Tensor], device: torch.device | str = "cpu") -> Tensor:
        """C (nets, K, M) of G, theta (points,) -> (nets, points, M), differentiable in its weights."""
        C = self.chebyshev(function, device)
        return self.product.from_chebyshev.to(C) @ C

    @cached_property
    def derivative(self) -> Tensor:
        """L^T (K, K), float64: dF/dv = phi (L g) of F = v phi g."""
        return self.product.derivative_of_moment.T.contiguous()

    def variable(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """v and dv/dtheta."""
        root = torch.addcmul(torch.ones((), dtype=theta.dtype, device=theta.device), theta, theta).sqrt_()
        v = torch.copysign((theta.abs() + root).log_(), theta).mul_(1 / self.reach)
        return v, root.reciprocal_().mul_(1 / self.reach)

    def moments(self, rows: Rows) -> Tensor:
        """S (n, pairs of types, K)."""
        result = _moments_like(rows, self.product.size)
        for piece in _pieces(rows):
            v, _ = self.variable(piece.dots(rows, rows))
            piece.add(self.product.sums(v, piece.counted(v), piece.points), result)
        return result

    def gradient(self, rows: Rows, of_moments: Tensor) -> list[Tensor]:
        """dE/dR, as rows, of an energy with dE/dS = of_moments."""
        g = of_moments @ self.derivative.to(of_moments)
        result = [torch.zeros_like(row) for row in rows]
        for piece in _pieces(rows):
            v, slope = self.variable(piece.dots(rows, rows))
            slope *= self.product.values(v, piece.of(g), piece.points)
            piece.spread(rows, piece.counted(slope), result)
        return result

    def tangent(self, rows: Rows, shifts: Rows) -> Tensor:
        """dS for shifts dR of the rows: the transpose of `gradient`."""
        result = _moments_like(rows, self.product.size)
        for piece in _pieces(rows):
            v, slope = self.variable(piece.dots(rows, rows))
            slope *= piece.dots(rows, shifts).add_(piece.dots(shifts, rows))
            piece.add(self.product.sums(v, piece.counted(slope), piece.points), result)
        return result @ self.derivative.T.to(result)


@dataclass(frozen=True)
class _Block:
    """The slots `first` of type t with all slots of type u; number: of the pair of types. points: pairs of slots.

    Of one type with itself each pair is taken once: `upper` says which, and `counts` how often each counts, 1 or 2.
    """

    number: int
    t: int
    u: int
    first: slice
    points: int
    upper: Tensor | None
    counts: Tensor

    def dots(self, left: Rows, right: Rows, atoms: slice) -> Tensor:
        """R_j . R_k, (atoms, points), R_j of the left rows and R_k of the right ones."""
        theta = torch.bmm(left[self.t][atoms, :, self.first].transpose(1, 2), right[self.u][atoms]).flatten(1)
        return theta if self.upper is None else theta.index_select(1, self.upper)

    def spread(self, rows: Rows, of_dots: Tensor, result: list[Tensor], atoms: slice) -> None:
        """Add to dE/dR what dE/d(R_j . R_k) (atoms, points) gives."""
        left, right = rows[self.t][atoms, :, self.first], rows[self.u][atoms]
        if self.upper is not None:
            full = of_dots.new_zeros(len(of_dots), left.shape[2] * right.shape[2])
            of_dots = full.index_copy_(1, self.upper, of_dots)
        Q = of_dots.reshape(len(of_dots), left.shape[2], right.shape[2])
        result[self.t][atoms, :, self.first] += torch.bmm(right, Q.transpose(1, 2))
        result[self.u][atoms] += torch.bmm(left, Q)


@dataclass(frozen=True)
class _Piece:
    """Some atoms (a slice) and blocks of their pairs of neighbours, one after the other."""

    atoms: slice
    blocks: list[_Block]

    @property
    def points(self) -> list[int]:
        """Of each block."""
        return [block.points for block in self.blocks]

    def dots(self, left: Rows, right: Rows) -> Tensor:
        """(atoms, points) of all blocks."""
        parts = [block.dots(left, right, self.atoms) for block in self.blocks]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def counted(self, x: Tensor) -> Tensor:
        """x (atoms, points) times how often each pair counts."""
        return x * torch.cat([block.counts for block in self.blocks])

    def of(self, values: Tensor) -> Tensor:
        """(atoms, blocks, ...) of values (n, pairs of types, ...)."""
        return values[self.atoms, [block.number for block in self.blocks]]

    def add(self, values: Tensor, result: Tensor) -> None:
        """Add values (atoms, blocks, ...) to those of atoms and pairs of types."""
        for number, block in enumerate(self.blocks):
            result[self.atoms, block.number] += values[:, number]

    def spread(self, rows: Rows, of_dots: Tensor, result: list[Tensor]) -> None:
        """Of all blocks."""
        for block, part in zip(self.blocks, of_dots.split(self.points, dim=1), strict=True):
            block.spread(rows, part, result, self.atoms)


def _pieces(rows: Rows) -> Iterator[_Piece]:
    """All pairs of neighbours: together where they are few, or else block by block for as many atoms as fit."""
    most = BYTES // rows[0].element_size()
    natoms, blocks = len(rows[0]), list(_blocks(rows, most))
    if blocks and natoms * sum(block.points for block in blocks) <= most:
        yield _Piece(slice(0, natoms), blocks)
        return
    for block in blocks:
        together = max(1, most // block.points)
        for atom in range(0, natoms, together):
            yield _Piece(slice(atom, min(atom + together, natoms)), [block])


def _blocks(rows: Rows, most: int) -> Iterator[_Block]:
    """most: pairs of neighbours of an atom in one of them."""
    for number, (t, u) in enumerate(combinations_with_replacement(range(len(rows)), 2)):
        width, other = rows[t].shape[2], rows[u].shape[2]
        if width == 0 or other == 0:
            continue
        height = min(width, max(1, most // other))
        for start in range(0, width, height):
            first = slice(start, min(start + height, width))
            points = (first.stop - first.start) * other
            if t != u:
                yield _Block(number, t, u, first, points, None, rows[t].new_ones(points))
                continue
            j = torch.arange(first.start, first.stop, device=rows[t].device).unsqueeze(1)
            k = torch.arange(other, device=rows[t].device)
            upper = torch.nonzero((k >= j).flatten()).squeeze(1)
            counts = (1 + (k > j).to(rows[t].dtype)).flatten()[upper]
            yield _Block(number, t, u, first, len(upper), upper, counts)


def _moments_like(rows: Rows, size: int) -> Tensor:
    return rows[0].new_zeros(len(rows[0]), len(rows) * (len(rows) + 1) // 2, size)
