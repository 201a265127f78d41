"""Draws learning curves of potentials: python make_curves.py OUT.png LABEL=lcurve.out ...

Squares of the errors of validation batches are averaged over five lines; the first step is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

AVERAGED = 5
COLUMNS = {"rmse_f_val": ("force, eV/Å", 1.0), "rmse_e_val": ("energy, meV an atom", 1e3)}


def averaged(errors: np.ndarray) -> np.ndarray:
    """Root mean squares over neighbouring lines."""
    padded = np.pad(errors**2, AVERAGED // 2, mode="edge")
    return np.sqrt(np.convolve(padded, np.full(AVERAGED, 1 / AVERAGED), "valid"))


def main(output: str, *curves: str) -> None:
    """One line for each curve, forces beside energies."""
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), constrained_layout=True)
    for curve in curves:
        label, path = curve.split("=", 1)
        with Path(path).open() as file:
            names = file.readline().strip("# \n").split()
        rows = np.loadtxt(path)[1:]
        for axis, (name, (_, unit)) in zip(axes, COLUMNS.items(), strict=True):
            axis.plot(rows[:, 0], unit * averaged(rows[:, names.index(name)]), label=label, lw=1.3)
    for axis, (title, _) in zip(axes, COLUMNS.values(), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="steps", title=f"validation RMSE: {title}")
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.3, which="both")
    axes[0].legend(fontsize=8)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
