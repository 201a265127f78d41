"""Interpolation between a potential and a tabulated pair potential at short distances: Wang et al., Applied Physics
Letters 114, 244101 (2019), with the soft minimum of DeePMD-kit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.shortrange.mixture import Mixture
from deepaw.potential.shortrange.table import PairTable, interpolate

NEGLIGIBLE = 45.0
"""Distance beyond the nearest neighbour, in units of smin_alpha, where the relative weight is less than 1e-19."""


class PairInterpolation(nn.Module):
    """Tabulated energies T_i and their weights w_i in E_i = (1 - w_i) D_i + w_i T_i.

        T_i     = 1/2 sum_j E_table(r_ij)
        sigma_i = sum_j r_ij exp(-r_ij / alpha) / sum_j exp(-r_ij / alpha)     soft minimum of the distances of atom i
        w_i     = 1 below rmin, 0 from rmax on, and in between -6 u^5 + 15 u^4 - 10 u^3 + 1,
                  u = (sigma_i - rmin) / (rmax - rmin)

    with sums over the neighbours j of i within the model's cutoff; w_i = 0 without neighbours.

    table: for the types of the model, up to its cutoff (`PairTable.reaching`).
    rmin, rmax, alpha: A; sw_rmin, sw_rmax and smin_alpha in input files.

    Buffers: table, its rows; coefficients, of its splines.
    """

    table: Tensor
    coefficients: Tensor

    def __init__(self, table: PairTable, rmin: float, rmax: float, alpha: float) -> None:
        super().__init__()
        self.rmin, self.rmax, self.alpha = rmin, rmax, alpha
        self.first, self.spacing, self._end = table.first, table.spacing, table.end
        self.register_buffer("table", torch.from_numpy(table.rows))
        self.register_buffer("coefficients", torch.from_numpy(table.coefficients), persistent=False)

    def forward(self, env: Environment) -> tuple[Tensor, Tensor]:
        """Return w (natoms,) and T (natoms,), eV, float64, differentiable in env.vector: the reference.

        T is 0 where w is 0. env: pairs from `AtomicModel.visible_pairs`.

        Raises InputError: a pair below the first distance of the table.
        """
        r = torch.linalg.vector_norm(env.vector.double(), dim=-1)
        zero = r.new_zeros(env.natoms)
        factor = torch.exp((_nearest_distance(env, r.detach())[env.centre] - r) / self.alpha)
        total = zero.index_add(0, env.centre, factor)
        sigma = zero.index_add(0, env.centre, factor * r) / total.clamp(min=1e-300)
        weight = switch(sigma, self.rmin, self.rmax) * (total > 0)
        pairs = torch.nonzero(weight.detach()[env.centre] > 0).squeeze(1)
        energy, _ = self._pair_energies(env.select(pairs), r[pairs])
        return weight, zero.index_add(0, env.centre[pairs], energy / 2)

    def mixture(self, env: Environment, distances: Tensor | None = None) -> Mixture | None:
        """Return w and T with derivatives in closed form, or None if all weights are 0.

        Only pairs of atoms with a weight are evaluated. env and errors: as for `forward`.
        distances: lengths of the pairs (npairs,), A, if known.
        """
        r = torch.linalg.vector_norm(env.vector, dim=-1) if distances is None else distances
        close = r < self.rmax  # sigma is never less than the shortest distance
        if not bool(close.any()):
            return None
        affected = torch.zeros(env.natoms, dtype=torch.bool, device=r.device)
        affected[env.centre[close]] = True
        env, (r,) = _select(env, affected[env.centre], r)
        r = r.double()
        excess = (r - _nearest_distance(env, r)[env.centre]) / self.alpha
        env, (r, excess) = _select(env, (excess < NEGLIGIBLE) | (r < self._end), r, excess)
        zero, factor = r.new_zeros(env.natoms), torch.exp(-excess)
        total = zero.index_add(0, env.centre, factor)
        sigma = zero.index_add(0, env.centre, factor * r) / total.clamp(min=1e-300)
        weight = switch(sigma, self.rmin, self.rmax) * (total > 0)
        if not bool(weight.any()):
            return None
        env, (r, factor) = _select(env, weight[env.centre] > 0, r, factor)
        centre = env.centre
        energy, energy_slope = self._pair_energies(env, r)
        direction = env.vector.double() / r.unsqueeze(1)
        sigma_slope = factor / total[centre] * (1 - (r - sigma[centre]) / self.alpha)
        weight_slope = switch_derivative(sigma, self.rmin, self.rmax)[centre] * sigma_slope
        return Mixture(
            weight=weight,
            energy=zero.index_add(0, centre, energy / 2),
            centre=centre,
            neighbour=env.neighbour,
            vector=env.vector.double(),
            weight_slope=weight_slope.unsqueeze(1) * direction,
            energy_slope=(weight[centre] * energy_slope / 2).unsqueeze(1) * direction,
        )

    def _pair_energies(self, env: Environment, r: Tensor) -> tuple[Tensor, Tensor]:
        """Return tabulated energies (npairs,), eV, and slopes (npairs,), eV/A, of pairs with distances r, A."""
        if len(r) and (shortest := float(r.detach().min())) < self.first:
            raise InputError(
                f"Two atoms are {shortest:.3g} A apart; the table of model.use_srtab begins at {self.first:g} A."
            )
        types = env.types[env.centre], env.types[env.neighbour]
        return interpolate(self.coefficients, self.first, self.spacing, types, r)


def _nearest_distance(env: Environment, r: Tensor) -> Tensor:
    """Return the distance of each atom to its nearest neighbour (natoms,), A; inf for atoms without neighbours."""
    return r.new_full((env.natoms,), torch.inf).scatter_reduce(0, env.centre, r, "amin")


def _select(env: Environment, mask: Tensor, *pair_arrays: Tensor) -> tuple[Environment, list[Tensor]]:
    """Return the pairs of a mask (npairs,), and their rows of arrays (npairs, ...)."""
    pairs = torch.nonzero(mask).squeeze(1)
    return env.select(pairs), [values[pairs] for values in pair_arrays]
