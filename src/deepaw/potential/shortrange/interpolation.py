"""Potentials that become a tabulated pair potential where atoms are close: Wang et al., Applied Physics Letters 114,
244101 (2019), with the soft minimum of DeePMD-kit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.shortrange.mixture import Mixture
from deepaw.potential.shortrange.table import PairTable, interpolate

NEGLIGIBLE = 45.0
"""In units of smin_alpha: neighbours that much further than the nearest one weigh less than 1e-19 beside it."""


class PairInterpolation(nn.Module):
    """The weight w_i of tabulated pair energies, and these energies T_i, in E_i = (1 - w_i) D_i + w_i T_i.

        T_i     = 1/2 sum_j E_table(r_ij)
        sigma_i = sum_j r_ij exp(-r_ij / alpha) / sum_j exp(-r_ij / alpha)     the soft minimum of i's distances
        w_i     = 1 below rmin, 0 from rmax on, and between -6 u^5 + 15 u^4 - 10 u^3 + 1,
                  u = (sigma_i - rmin) / (rmax - rmin)

    over the neighbours j of i within the model's cutoff; w_i = 0 where there are none.

    table: up to the cutoff (`PairTable.reaching`), for the types of the model. rmin, rmax, alpha: A, which input files
    call sw_rmin, sw_rmax and smin_alpha.

    Buffers: table, its rows; coefficients, of its splines.
    """

    table: Tensor
    coefficients: Tensor

    def __init__(self, table: PairTable, rmin: float, rmax: float, alpha: float) -> None:
        super().__init__()
        self.rmin, self.rmax, self.alpha = rmin, rmax, alpha
        self._first, self._spacing, self._end = table.first, table.spacing, table.end
        self.register_buffer("table", torch.from_numpy(table.rows))
        self.register_buffer("coefficients", torch.from_numpy(table.coefficients), persistent=False)

    def forward(self, env: Environment) -> tuple[Tensor, Tensor]:
        """w and T (natoms,), eV, float64, differentiable in env.vector: the equations. T is 0 where w is.

        env: the pairs that the model sees. Raises InputError: a pair closer than the table begins.
        """
        r = torch.linalg.vector_norm(env.vector.double(), dim=-1)
        zero = r.new_zeros(env.natoms)
        scaled = torch.exp((_nearest(env, r.detach())[env.centre] - r) / self.alpha)
        total = zero.index_add(0, env.centre, scaled)
        sigma = zero.index_add(0, env.centre, scaled * r) / total.clamp(min=1e-300)
        weight = switch(sigma, self.rmin, self.rmax) * (total > 0)
        pairs = torch.nonzero(weight.detach()[env.centre] > 0).squeeze(1)
        energy, _ = self._look_up(env.select(pairs), r[pairs])
        return weight, zero.index_add(0, env.centre[pairs], energy / 2)

    def mixture(self, env: Environment, distances: Tensor | None = None) -> Mixture | None:
        """The same with derivatives in closed form; None where no atom has a weight.

        Only pairs of atoms with a weight are worked on. env and errors: as of `forward`. distances: (npairs,), A, where
        they are known.
        """
        r = torch.linalg.vector_norm(env.vector, dim=-1) if distances is None else distances
        close = r < self.rmax  # sigma is never less than the shortest distance
        if not bool(close.any()):
            return None
        affected = torch.zeros(env.natoms, dtype=torch.bool, device=r.device)
        affected[env.centre[close]] = True
        env, (r,) = _selected(env, affected[env.centre], r)
        r = r.double()
        behind = (r - _nearest(env, r)[env.centre]) / self.alpha
        env, (r, behind) = _selected(env, (behind < NEGLIGIBLE) | (r < self._end), r, behind)
        zero, scaled = r.new_zeros(env.natoms), torch.exp(-behind)
        total = zero.index_add(0, env.centre, scaled)
        sigma = zero.index_add(0, env.centre, scaled * r) / total.clamp(min=1e-300)
        weight = switch(sigma, self.rmin, self.rmax) * (total > 0)
        if not bool(weight.any()):
            return None
        env, (r, scaled) = _selected(env, weight[env.centre] > 0, r, scaled)
        centre = env.centre
        energy, slope = self._look_up(env, r)
        along = env.vector.double() / r.unsqueeze(1)
        of_sigma = scaled / total[centre] * (1 - (r - sigma[centre]) / self.alpha)
        of_weight = switch_derivative(sigma, self.rmin, self.rmax)[centre] * of_sigma
        return Mixture(
            weight=weight,
            energy=zero.index_add(0, centre, energy / 2),
            centre=centre,
            neighbour=env.neighbour,
            vector=env.vector.double(),
            weight_slope=of_weight.unsqueeze(1) * along,
            energy_slope=(weight[centre] * slope / 2).unsqueeze(1) * along,
        )

    def _look_up(self, env: Environment, r: Tensor) -> tuple[Tensor, Tensor]:
        """Tabulated energies and slopes of pairs, whose distances are r."""
        if len(r) and (shortest := float(r.detach().min())) < self._first:
            raise InputError(
                f"Two atoms are {shortest:.3g} A apart; the table of model.use_srtab begins at {self._first:g} A."
            )
        types = env.types[env.centre], env.types[env.neighbour]
        return interpolate(self.coefficients, self._first, self._spacing, types, r)


def _nearest(env: Environment, r: Tensor) -> Tensor:
    """The shortest distance of each atom (natoms,); inf where it has no neighbour."""
    return r.new_full((env.natoms,), torch.inf).scatter_reduce(0, env.centre, r, "amin")


def _selected(env: Environment, mask: Tensor, *of_pairs: Tensor) -> tuple[Environment, list[Tensor]]:
    """Some of the pairs, with what belongs to them."""
    pairs = torch.nonzero(mask).squeeze(1)
    return env.select(pairs), [values[pairs] for values in of_pairs]
