"""Parity plots: predictions against references of energies, forces and virials, or of tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepaw.outputfile import output_file
from deepaw.potential.evaluation.compare import Errors, FrameComparison, Quantity

POINTS = 200_000
"""Approximate number of points of each panel."""

PANELS: dict[Quantity, tuple[str, str]] = {
    "energy_per_atom": ("energy", "eV/atom"),
    "force": ("force", "eV/Å"),
    "virial_per_atom": ("virial", "eV/atom"),
    "atomic_energy": ("atomic energy", "eV"),
    "dipole": ("dipole", "unit of the data"),
    "atomic_dipole": ("atomic dipole", "unit of the data"),
    "polarizability": ("polarizability", "unit of the data"),
    "atomic_polarizability": ("atomic polarizability", "unit of the data"),
}
"""Label and unit of the axes of each panel."""


class ParitySample:
    """Random sample of points for the plots, uniform over all frames, with at most twice `POINTS` of each quantity."""

    def __init__(self) -> None:
        self._points: dict[Quantity, list[np.ndarray]] = {name: [] for name in PANELS}
        self._count = dict.fromkeys(PANELS, 0)
        self._fraction = dict.fromkeys(PANELS, 1.0)
        self._random = np.random.default_rng(0)

    def add(self, comparison: FrameComparison) -> None:
        """Add a sample of the points of one frame."""
        for name in PANELS:
            if name not in comparison.pairs:
                continue
            points = np.stack([values.reshape(-1) for values in comparison.pairs[name]])
            if self._fraction[name] < 1:
                points = points[:, self._random.random(points.shape[1]) < self._fraction[name]]
            self._points[name].append(points)
            self._count[name] += points.shape[1]
            while self._count[name] > 2 * POINTS:
                half = self.points(name)
                half = half[:, self._random.random(half.shape[1]) < 0.5]
                self._points[name], self._count[name] = [half], half.shape[1]
                self._fraction[name] /= 2

    def points(self, name: Quantity) -> np.ndarray:
        """Return the references and predictions of the sample, (2, n)."""
        return np.concatenate(self._points[name], axis=1) if self._points[name] else np.empty((2, 0))


def write_picture(path: str | Path, sample: ParitySample, errors: Errors) -> None:
    """Write a PNG with a panel for each quantity with labels. Raises InputError if the file cannot be written."""
    names = [name for name in PANELS if sample.points(name).size]
    figure = Figure(figsize=(4.6 * max(len(names), 1), 4.6), layout="constrained")
    for name, axes in zip(names, figure.subplots(1, max(len(names), 1), squeeze=False)[0], strict=False):
        _draw(axes, name, sample.points(name), errors)
    with output_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _draw(axes: Axes, name: Quantity, points: np.ndarray, errors: Errors) -> None:
    label, unit = PANELS[name]
    low, high = float(points.min()), float(points.max())
    margin = 0.03 * (high - low) or 1e-3
    low, high = low - margin, high + margin
    axes.hexbin(*points, gridsize=100, bins="log", mincnt=1, cmap="viridis", extent=(low, high, low, high))
    axes.plot([low, high], [low, high], color="black", linewidth=0.6)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.set_xlabel(f"reference {label} ({unit})")
    axes.set_ylabel(f"predicted {label} ({unit})")
    axes.set_title(f"RMSE {errors.rmse(name):.3g}, MAE {errors.mae(name):.3g} {unit}", fontsize=10)
