"""The engine for atom-centred multipoles: fitted atoms, and networks that predict expansion coefficients."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import ceil

import torch
from ase import Atoms
from torch import Tensor

from deepaw.density.engine.multipolepairs import MultipolePairs, compiled_multipole_pairs, multipole_pairs
from deepaw.density.engine.precision import Precision
from deepaw.density.engine.tiles import Tile, TileSize
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.model import FittedAtoms
from deepaw.density.model.multipoles import radial_profiles
from deepaw.density.model.splines import SplineConfig, spline_values
from deepaw.density.occupancies.compensation import CompensationCharges
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.readout import OccupancyReadout


@dataclass(frozen=True)
class Profiles:
    """f[a, i, lm]: the sum over an atom's radial functions, tabulated; (natoms, intervals + 1, (lmax + 1)^2).

    Row i stands for the radius cutoff (i / intervals)^2: fine where a PAW density is sharp.
    """

    values: Tensor

    @property
    def nbytes(self) -> int:
        return self.values.nbytes


class MultipoleEvaluator:
    """rho(r) = sum_a sum_lm Y_lm f_a,lm(|r - r_a|), the profiles f read from a table: one row a pair, no basis at all.

    With a network, its coefficients and the fitted atoms' add up before anything is evaluated; without one the
    density is that of the fitted atoms. compensation: occupancies whose compensation charges are added to the profiles;
    without a network, those of their means.
    compiled: with torch.compile; raises CompilationError where that cannot be.
    """

    invariant = True
    outputs = 1
    # large enough that threads spend their time in torch and not in taking turns to call it; pairs out of reach cost
    # no more than their distance, so that few points may lie far apart
    tile_size = TileSize(1.5, 2048, enough=1024, widest=8.0)

    def __init__(
        self,
        network: ExpansionNetwork | None,
        fitted: FittedAtoms | None,
        precision: Precision,
        device: torch.device,
        compiled: bool = False,
        compensation: Occupancies | None = None,
    ) -> None:
        if network is None and fitted is None:
            raise ValueError("neither a network nor fitted atoms")
        self._network = copy.deepcopy(network).to(device).requires_grad_(False) if network is not None else None
        self._fitted = fitted
        self._device = device
        self._splines: SplineConfig = network.config.splines if network is not None else fitted.splines  # type: ignore[union-attr]
        self.cutoff = self._splines.cutoff
        self._intervals = ceil(precision.intervals**0.5) * 16
        rows = torch.arange(self._intervals + 1, dtype=torch.float64) / self._intervals
        self._like = self._network.embedding if self._network is not None else fitted.coefficients.to(device)  # type: ignore[union-attr]
        radii = self.cutoff * rows.square()
        self._functions, self._radii = spline_values(self._splines, radii).to(self._like), radii.to(self._like)
        self._readout: OccupancyReadout | None = None
        if compensation is not None:
            self._readout = copy.deepcopy(compensation.readout).to(self._like).requires_grad_(False)
            self._charges = CompensationCharges(self._readout, compensation.setups)
        self._pairs: MultipolePairs = multipole_pairs
        if compiled:
            self._pairs = compiled_multipole_pairs(device, self._like.dtype, self._splines.lmax)

    @torch.no_grad()
    def prepare(self, atoms: Atoms) -> Profiles:
        """Everything that depends on the atoms only."""
        numbers = atoms.get_atomic_numbers()
        spherical = (
            self._fitted.of_atoms(torch.from_numpy(numbers)).to(self._like) if self._fitted is not None else None
        )
        charges = None
        if self._network is not None:
            graph = self._network.graph(atoms)
            features = self._network.features(graph)
            coefficients = self._network.coefficients(features, graph)
            if spherical is not None:
                coefficients[:, : spherical.shape[1]] += spherical
            if self._readout is not None:
                charges = self._charges.of_components(self._readout(features, numbers), numbers)
        else:
            assert spherical is not None
            coefficients = spherical
            if self._readout is not None:
                charges = self._charges.of_means(numbers)
        profiles = radial_profiles(self._splines, self._functions, coefficients)
        if charges is not None:
            added = charges.profiles(self._radii[None])[..., : profiles.shape[-1]]
            profiles[..., : added.shape[-1]] += added
        return Profiles(profiles)

    @torch.no_grad()
    def evaluate(self, part: Profiles, tile: Tile) -> Tensor:
        """The density at the points of a tile, (n, 1) e/A^3."""
        points, centres = tile.points.to(self._like), tile.centres.to(self._like)
        npoints = len(points)
        x, y, z = ((points[:, axis] - centres[:, axis, None]).flatten() for axis in range(3))
        squared = x * x + y * y + z * z
        near = torch.nonzero(squared < self.cutoff**2).squeeze(-1)
        centre = torch.div(near, npoints, rounding_mode="floor")
        x, y, z, r = x[near], y[near], z[near], squared[near].sqrt()
        position = (r * (1 / self.cutoff)).sqrt() * self._intervals
        index = position.int().clamp(max=self._intervals - 1)
        fraction = position - index
        row = tile.atom.to(self._device)[centre] * (self._intervals + 1) + index
        value = self._pairs(part.values.flatten(0, 1), row, fraction, (x, y, z), r, self._splines.lmax)
        return value.new_zeros(npoints).index_add_(0, near - centre * npoints, value).unsqueeze(-1)
