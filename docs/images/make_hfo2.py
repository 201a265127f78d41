"""Draw docs/images/hfo2.png: the predicted valence density of monoclinic HfO2 in a plane through Hf-O bonds.

Run from the root of the repository: python docs/images/make_hfo2.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from ase.io import read
from matplotlib.colors import LogNorm

from deepaw import InferenceEngine

HERE = Path(__file__).parent
EXTENT = (13.0, 6.5)
"""A, width and height of the picture."""
STEP = 0.025


def main() -> None:
    """Evaluate the density at the points of a plane, which no grid of the cell contains, and draw it."""
    atoms = read(HERE.parent.parent / "examples" / "HfO2.vasp", format="vasp")
    origin, right, up = plane(atoms.positions, atoms.get_all_distances(mic=True, vector=True))
    x = np.arange(-EXTENT[0] / 2, EXTENT[0] / 2, STEP)
    y = np.arange(-EXTENT[1] / 2, EXTENT[1] / 2, STEP)
    points = origin + x[:, None, None] * right + y[None, :, None] * up
    density = InferenceEngine(model="fast").predict_at(atoms, points.reshape(-1, 3))
    density = np.asarray(density).reshape(len(x), len(y))

    figure, axes = plt.subplots(figsize=(9, 4.6), constrained_layout=True)
    image = axes.pcolormesh(x, y, density.T.clip(min=1e-3), norm=LogNorm(0.02, 8), cmap="magma", rasterized=True)
    axes.contour(x, y, density.T, levels=[0.05, 0.1, 0.2, 0.4, 0.8, 1.6], colors="white", linewidths=0.4, alpha=0.6)
    for symbol, across, along in in_plane(
        atoms.repeat((5, 5, 5)), origin + 2 * atoms.cell.array.sum(axis=0), right, up
    ):
        axes.text(across, along, symbol, ha="center", va="center", fontsize=8, color="black")
    axes.set_aspect("equal")
    axes.set_xlabel("Å")
    axes.set_ylabel("Å")
    axes.set_title("Monoclinic HfO$_2$, predicted valence density in a plane through Hf and O")
    figure.colorbar(image, ax=axes, label="e/Å$^3$", shrink=0.9)
    figure.savefig(HERE / "hfo2.png", dpi=130)


def plane(positions: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin and two unit vectors of the plane through the first Hf and its two nearest O (indices 4 and up)."""
    nearest = np.argsort(np.linalg.norm(vectors[0, 4:], axis=1))[:2] + 4
    first, second = vectors[0, nearest[0]], vectors[0, nearest[1]]
    right = first / np.linalg.norm(first)
    up = second - (second @ right) * right
    return positions[0], right, up / np.linalg.norm(up)


def in_plane(atoms: Atoms, origin: np.ndarray, right: np.ndarray, up: np.ndarray) -> list[tuple[str, float, float]]:
    """Symbols and places in the picture of the atoms that lie within 0.3 A of its plane."""
    vectors = atoms.positions - origin
    across, along, off = vectors @ right, vectors @ up, vectors @ np.cross(right, up)
    shown = (np.abs(off) < 0.3) & (2 * np.abs(across) < EXTENT[0] - 0.3) & (2 * np.abs(along) < EXTENT[1] - 0.3)
    return [(atoms.symbols[i], float(across[i]), float(along[i])) for i in np.flatnonzero(shown)]


if __name__ == "__main__":
    main()
