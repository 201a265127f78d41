"""Compensation charges matrix by matrix: the equation of `deepaw.density.occupancies.compensation` as it stands."""

from __future__ import annotations

import copy
from math import gamma, pi, sqrt

import numpy as np
import torch
from ase import Atoms
from ase.units import Bohr
from torch import Tensor

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.model import DensityModel
from deepaw.density.model.reference.edges import all_edges
from deepaw.equivariant import spherical_harmonics

REACH = 6.0
"""Radii of a Gaussian shape after which nothing is left of it: exp(-36) = 2e-16."""


@torch.no_grad()
def reference_charges(model: DensityModel, atoms: Atoms, points: Tensor) -> Tensor:
    """Density of the compensation charges of a model at points (n, 3), A: (n,) e/A^3, float64."""
    assert isinstance(model.network, ExpansionNetwork) and model.compensation is not None
    network, readout = copy.deepcopy(model.network).double(), copy.deepcopy(model.compensation.readout).double()
    numbers = atoms.get_atomic_numbers()
    matrices = readout.matrices(network.features(network.graph(atoms)), numbers)
    total = points.new_zeros(len(points))
    pbc = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    cell, positions = torch.from_numpy(atoms.cell.complete().array), torch.from_numpy(atoms.positions)
    for atom, (symbol, matrix) in enumerate(zip(atoms.symbols, matrices, strict=True)):
        setup = model.compensation.setups.get(symbol)
        if matrix is None or setup is None or setup.delta is None or setup.radius is None:
            continue
        rows, columns = np.triu_indices(len(matrix))
        packed = matrix[rows, columns] * np.where(rows == columns, 1, 2)
        moments = packed @ setup.Delta_pL
        moments[0] += setup.delta0 + (setup.electrons or 0.0) / sqrt(4 * pi)
        edges = all_edges(positions[atom : atom + 1], cell, pbc, points, REACH * setup.radius, itself=True)
        distance = edges.vector.norm(dim=-1)
        # in the order and with the signs of harmonics with z polar: those of e3nn at (y, z, x)
        harmonics = spherical_harmonics(2, edges.vector[:, [1, 2, 0]]) / sqrt(4 * pi)
        for degree in range(3):
            norm = 2 / (setup.radius ** (2 * degree + 3) * gamma(degree + 1.5))
            shape = norm * distance**degree * torch.exp(-((distance / setup.radius) ** 2))
            part = torch.from_numpy(moments[degree**2 : (degree + 1) ** 2]) * Bohr**degree
            values = shape * (harmonics[:, degree**2 : (degree + 1) ** 2] @ part)
            total.index_add_(0, edges.target, values)
    return total
