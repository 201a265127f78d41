"""Crystals whose density is known in closed form, for tests of what learns from densities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io import write
from torch import Tensor

from deepaw.density.engine.tiles import grid_points
from deepaw.density.model.multipoles import density_of_pairs
from deepaw.density.model.radial import envelope
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.coupling import coupling_of
from deepaw.density.occupancies.setup import PawSetup
from deepaw.equivariant import spherical_harmonics
from deepaw.structure.neighbours import atom_edges, images_within

SPLINES = SplineConfig((6, 4, 4), (3.0, 3.0, 2.5), 1.4)
"""The radial functions that the density is made of."""

SPHERICAL = {
    3: (0.2, 0.4, 0.7, 0.5, 0.2, 0.1),
    9: (0.4, 1.1, 2.0, 1.2, 0.5, 0.2),
}
"""Coefficients of degree 0 by atomic number."""

SHAPE = (10, 11, 12)


def crystal(number: int) -> Atoms:
    """A rattled cell of two or four atoms, a different one for every number."""
    random = np.random.default_rng(number)
    edge = random.uniform(2.7, 3.3)
    atoms = Atoms("LiF", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[edge, edge, 1.05 * edge], pbc=True)
    if number % 3 == 2:
        atoms = atoms.repeat((1, 1, 2))
        atoms.numbers[1] = 3
    atoms.set_cell(atoms.cell.array + random.normal(0, 0.08, (3, 3)), scale_atoms=True)
    atoms.rattle(0.15, rng=random)
    atoms.info["name"] = f"{'long' if number % 3 == 2 else 'short'}_{number}"
    return atoms


def true_coefficients(atoms: Atoms, multipoles: float = 0.1) -> Tensor:
    """(natoms, coefficient_count) float64: spherical atoms, and dipoles and quadrupoles that their neighbours cause."""
    edges = atom_edges(atoms, 3.5)
    angular = spherical_harmonics(2, edges.vectors) * envelope(edges.vectors.norm(dim=-1), 3.5).unsqueeze(-1)
    field = angular.new_zeros(len(atoms), 9).index_add_(0, edges.receiver, angular)
    rows = []
    for atom, number in enumerate(atoms.numbers):
        radial = torch.tensor([0.3, 1.0, 0.5, 0.1], dtype=torch.float64) * multipoles * (1.0 if number == 9 else -0.5)
        first, second = field[atom, 1:4], field[atom, 4:9]
        spherical = torch.tensor(SPHERICAL[number], dtype=torch.float64)
        rows.append(torch.cat([spherical, torch.outer(radial, first).flatten(), torch.outer(radial, second).flatten()]))
    return torch.stack(rows)


def true_density(atoms: Atoms, points: np.ndarray, multipoles: float = 0.1) -> np.ndarray:
    """(n,) float64, e/A^3, at points (n, 3) in A inside the cell."""
    index, images = images_within(atoms, np.zeros(3), np.ones(3), SPLINES.cutoff)
    vectors = torch.from_numpy((points[:, None] - images).reshape(-1, 3))
    atom = torch.from_numpy(index).repeat(len(points))
    pairs = density_of_pairs(SPLINES, true_coefficients(atoms, multipoles), atom, vectors)
    return pairs.view(len(points), -1).sum(dim=1).numpy()


def grid_density(atoms: Atoms, multipoles: float = 0.1) -> np.ndarray:
    """The same on the grid `SHAPE`, float32."""
    index = np.arange(int(np.prod(SHAPE)))
    points = grid_points(atoms.cell.array, SHAPE, index)
    return true_density(atoms, points, multipoles).reshape(SHAPE).astype(np.float32)


def write_crystals(folder: Path, count: int, multipoles: float = 0.1) -> list[Atoms]:
    """`structures.extxyz` and `density/<name>.npz` in a folder."""
    frames = [crystal(number) for number in range(count)]
    (folder / "density").mkdir(parents=True)
    for atoms in frames:
        np.savez(folder / "density" / f"{atoms.info['name']}.npz", density=grid_density(atoms, multipoles))
    write(folder / "structures.extxyz", frames)
    return frames


EXPANSION = {
    "channels": 4,
    "lmax": 2,
    "num_interactions": 1,
    "cutoff": 3.5,
    "num_basis": 6,
    "radial_hidden": 16,
    "num_neighbors": 12.0,
    "splines": {"counts": [6, 4, 4], "cutoffs": [3.0, 3.0, 2.5], "power": 1.4},
}
"""A small network that can represent the density: the section `model` of an input file."""

GATED = {
    "readout": "gated",
    "mul": 12,
    "lmax": 1,
    "num_interactions": 2,
    "cutoff": 3.0,
    "splines": {"counts": [6], "cutoffs": [3.0], "power": 1.4},
}
"""A small gated network."""

OCCUPANCY_CHANNELS = {
    "Li": Channels("Li", ((2, 0), (-1, 0), (-1, 1))),
    "F": Channels("F", ((2, 0), (2, 1), (-1, 0), (-1, 1), (-1, 2))),
}
"""Channels of the setups whose occupancies the crystals have."""


def true_matrices(atoms: Atoms) -> list[np.ndarray]:
    """D of every atom: a constant, and components of degrees 1 and 2 that its neighbours cause."""
    edges = atom_edges(atoms, 3.5)
    angular = spherical_harmonics(2, edges.vectors) * envelope(edges.vectors.norm(dim=-1), 3.5).unsqueeze(-1)
    field = angular.new_zeros(len(atoms), 9).index_add_(0, edges.receiver, angular).numpy()
    matrices = []
    for atom, symbol in enumerate(atoms.symbols):
        coupling = coupling_of(OCCUPANCY_CHANNELS[symbol].degrees)
        counts = coupling.counts
        scalars = np.linspace(1.0, 0.1, counts[0])[None, :, None] * (1 + 0.05 * field[atom, 0])
        blocks = [scalars]
        for degree, count in enumerate(counts[1:3], start=1):
            part = field[atom, degree**2 : (degree + 1) ** 2]
            blocks.append(0.1 * np.outer(np.linspace(1, -0.5, count), part)[None])
        matrices.append(coupling.uncouple(coupling.join(blocks))[0])
    return matrices


def write_setup(folder: Path, channels: Channels, **changes: object) -> None:
    """`setup-<element>.npz` in a folder: compensation charges of made-up radial parts, a free atom of two electrons."""
    folder.mkdir(parents=True, exist_ok=True)
    radial = np.random.default_rng(len(channels.name)).normal(size=(len(channels.pairs()), 3))
    setup = PawSetup(channels, delta=radial)
    free_atom = np.zeros((channels.size, channels.size))
    free_atom[0, 0] = 2.0
    arrays = {
        "n_j": np.array([n for n, _ in channels.quantum_numbers]),
        "l_j": np.array(channels.degrees),
        "D0_packed": free_atom[np.triu_indices(channels.size)][None],
        "Delta_pL": setup.Delta_pL,
        "Delta0": np.array(-0.5),
        "Nv": np.array(7),
        "fingerprint": np.array(f"fingerprint of {channels.element}"),
    }
    np.savez(folder / f"setup-{channels.element}.npz", **{**arrays, **changes})


def write_occupancies(folder: Path, frames: list[Atoms]) -> None:
    """`augmentation/<name>.npz` and `setups` in the folder of `write_crystals`."""
    (folder / "augmentation").mkdir()
    for channels in OCCUPANCY_CHANNELS.values():
        write_setup(folder / "setups", channels)
    for atoms in frames:
        arrays = {f"D{atom}": matrix.astype(np.float32) for atom, matrix in enumerate(true_matrices(atoms))}
        np.savez(folder / "augmentation" / f"{atoms.info['name']}.npz", **arrays)
