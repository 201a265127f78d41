"""Sums over pairs of neighbours of functions of their dot product, without a network call or a row for each pair.

With theta = R_j . R_k and v = asinh(theta) / reach in [-1, 1], a net is theta G(theta) = v phi(v) C, with K polynomials
phi. theta reaches from the product of two bonds down to those of neighbours at the cutoff; nets have their structure
on all these scales, and polynomials in asinh(theta) resolve them alike. All that a descriptor needs of an atom's
neighbours of types t and u is

    S_tu = sum_jk v phi(v),   (K,),    sum_jk theta G = S_tu C

Pairs are processed in pieces, so that memory does not grow with their number times K.
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
"""Memory of one number for each pair of neighbours of a piece of work: polynomials stay in a processor's cache."""

Rows = Sequence[Tensor]
"""Rows R of the neighbours of each type, (n, 3, slots of that type), 0 in slots left over."""


@dataclass(frozen=True)
class DotBasis:
    """Polynomials of asinh(theta).

    largest: largest |theta| in range. product: the polynomials phi.
    """

    largest: float
    product: ProductBasis

    @property
    def reach(self) -> float:
        """asinh(largest)."""
        return asinh(self.largest)

    def chebyshev(self, function: Callable[[Tensor], Tensor], device: torch.device | str = "cpu") -> Tensor:
        """Return (nets, K, M), theta G / v in Chebyshev polynomials of v; arguments as in `coefficients`."""
        v = self.product.chebyshev.nodes(torch.float64, device)
        theta = torch.sinh(self.reach * v)
        G = function(theta)
        at_nodes = G * (theta / v).to(G.dtype).unsqueeze(1)
        return self.product.chebyshev.coefficients(at_nodes.transpose(0, 1)).transpose(0, 1)

    def coefficients(self, function: Callable[[Tensor], Tensor], device: torch.device | str = "cpu") -> Tensor:
        """Return C (nets, K, M) of G, theta (points,) -> (nets, points, M), differentiable in its weights."""
        C = self.chebyshev(function, device)
        return self.product.from_chebyshev.to(C) @ C

    @cached_property
    def derivative(self) -> Tensor:
        """L^T (K, K), float64, where dF/dv = phi (L g) for F = v phi g."""
        return self.product.derivative_of_moment.T.contiguous()

    def variable(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Compute v and dv/dtheta."""
        root = torch.addcmul(torch.ones((), dtype=theta.dtype, device=theta.device), theta, theta).sqrt_()
        v = torch.copysign((theta.abs() + root).log_(), theta).mul_(1 / self.reach)
        return v, root.reciprocal_().mul_(1 / self.reach)

    def moments(self, rows: Rows) -> Tensor:
        """Compute S (n, pairs of types, K)."""
        result = _moments_like(rows, self.product.size)
        for piece in _pieces(rows):
            v, _ = self.variable(piece.dots(rows, rows))
            piece.add(self.product.sums(v, piece.weighted(v), piece.points), result)
        return result

    def gradient(self, rows: Rows, grad_moments: Tensor) -> list[Tensor]:
        """Compute dE/dR, like the rows, from dE/dS, (n, pairs of types, K)."""
        g = grad_moments @ self.derivative.to(grad_moments)
        result = [torch.zeros_like(row) for row in rows]
        for piece in _pieces(rows):
            v, slope = self.variable(piece.dots(rows, rows))
            slope *= self.product.values(v, piece.select(g), piece.points)
            piece.add_grad_rows(rows, piece.weighted(slope), result)
        return result

    def tangent(self, rows: Rows, tangent_rows: Rows) -> Tensor:
        """Compute the tangent of S from that of the rows: the transpose of `gradient`."""
        result = _moments_like(rows, self.product.size)
        for piece in _pieces(rows):
            v, slope = self.variable(piece.dots(rows, rows))
            slope *= piece.dots(rows, tangent_rows).add_(piece.dots(tangent_rows, rows))
            piece.add(self.product.sums(v, piece.weighted(slope), piece.points), result)
        return result @ self.derivative.T.to(result)


@dataclass(frozen=True)
class _Block:
    """Pairs of the slots `first` of type t with all slots of type u.

    number: index of the pair of types. points: number of pairs of slots. multiplicity: how often each pair counts,
    (points,); for t = u a pair is listed once and counts 2, or 1 for a slot with itself. upper: for t = u, indices of
    the listed pairs among all.
    """

    number: int
    t: int
    u: int
    first: slice
    points: int
    upper: Tensor | None
    multiplicity: Tensor

    def dots(self, left: Rows, right: Rows, atoms: slice) -> Tensor:
        """Compute R_j . R_k, (atoms, points), with R_j from `left` and R_k from `right`."""
        theta = torch.bmm(left[self.t][atoms, :, self.first].transpose(1, 2), right[self.u][atoms]).flatten(1)
        return theta if self.upper is None else theta.index_select(1, self.upper)

    def add_grad_rows(self, rows: Rows, grad_dots: Tensor, result: list[Tensor], atoms: slice) -> None:
        """Add to dE/dR, `result`, the terms from dE/d(R_j . R_k) (atoms, points)."""
        left, right = rows[self.t][atoms, :, self.first], rows[self.u][atoms]
        if self.upper is not None:
            full = grad_dots.new_zeros(len(grad_dots), left.shape[2] * right.shape[2])
            grad_dots = full.index_copy_(1, self.upper, grad_dots)
        Q = grad_dots.reshape(len(grad_dots), left.shape[2], right.shape[2])
        result[self.t][atoms, :, self.first] += torch.bmm(right, Q.transpose(1, 2))
        result[self.u][atoms] += torch.bmm(left, Q)


@dataclass(frozen=True)
class _Piece:
    """A piece of work: a range of atoms and blocks of their pairs of neighbours, one after the other."""

    atoms: slice
    blocks: list[_Block]

    @property
    def points(self) -> list[int]:
        """Number of points of each block."""
        return [block.points for block in self.blocks]

    def dots(self, left: Rows, right: Rows) -> Tensor:
        """Compute R_j . R_k, (atoms, points), of all blocks."""
        parts = [block.dots(left, right, self.atoms) for block in self.blocks]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def weighted(self, x: Tensor) -> Tensor:
        """Multiply x (atoms, points) by the multiplicity of pairs."""
        return x * torch.cat([block.multiplicity for block in self.blocks])

    def select(self, values: Tensor) -> Tensor:
        """Select (atoms, blocks, ...) of values (n, pairs of types, ...)."""
        return values[self.atoms, [block.number for block in self.blocks]]

    def add(self, values: Tensor, result: Tensor) -> None:
        """Add values (atoms, blocks, ...) to `result` (n, pairs of types, ...)."""
        for number, block in enumerate(self.blocks):
            result[self.atoms, block.number] += values[:, number]

    def add_grad_rows(self, rows: Rows, grad_dots: Tensor, result: list[Tensor]) -> None:
        """Add to dE/dR, `result`, the terms of all blocks."""
        for block, part in zip(self.blocks, grad_dots.split(self.points, dim=1), strict=True):
            block.add_grad_rows(rows, part, result, self.atoms)


def _pieces(rows: Rows) -> Iterator[_Piece]:
    """Yield all pairs of neighbours: in one piece where they are few, or else block by block for ranges of atoms."""
    max_points = BYTES // rows[0].element_size()
    natoms, blocks = len(rows[0]), list(_blocks(rows, max_points))
    if blocks and natoms * sum(block.points for block in blocks) <= max_points:
        yield _Piece(slice(0, natoms), blocks)
        return
    for block in blocks:
        atoms = max(1, max_points // block.points)
        for start in range(0, natoms, atoms):
            yield _Piece(slice(start, min(start + atoms, natoms)), [block])


def _blocks(rows: Rows, max_points: int) -> Iterator[_Block]:
    """Yield blocks of at most `max_points` pairs of neighbours of an atom, or of one row of them."""
    for number, (t, u) in enumerate(combinations_with_replacement(range(len(rows)), 2)):
        width_t, width_u = rows[t].shape[2], rows[u].shape[2]
        if width_t == 0 or width_u == 0:
            continue
        height = min(width_t, max(1, max_points // width_u))
        for start in range(0, width_t, height):
            first = slice(start, min(start + height, width_t))
            points = (first.stop - first.start) * width_u
            if t != u:
                yield _Block(number, t, u, first, points, None, rows[t].new_ones(points))
                continue
            j = torch.arange(first.start, first.stop, device=rows[t].device).unsqueeze(1)
            k = torch.arange(width_u, device=rows[t].device)
            upper = torch.nonzero((k >= j).flatten()).squeeze(1)
            multiplicity = (1 + (k > j).to(rows[t].dtype)).flatten()[upper]
            yield _Block(number, t, u, first, len(upper), upper, multiplicity)


def _moments_like(rows: Rows, size: int) -> Tensor:
    return rows[0].new_zeros(len(rows[0]), len(rows) * (len(rows) + 1) // 2, size)
