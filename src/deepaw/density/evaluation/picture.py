"""Predicted against calculated density, and the error of every crystal type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepaw.density.evaluation.compare import Comparison
from deepaw.density.evaluation.summary import OVERALL, Summary, summarise
from deepaw.outputfile import output_file

LINEAR = 0.05
"""e/A^3: below this the parity axes are linear, above it logarithmic, for densities of either sign."""

MOST_KINDS = 30
"""Crystal types with a bar; of more, the worst are shown."""

MODEL_COLOUR, FITTED_COLOUR = "#1f5a99", "#c9ced6"


def write_picture(path: str | Path, comparisons: Sequence[Comparison]) -> None:
    """Write a PNG. Raises InputError where the file cannot be written."""
    *kinds, overall = summarise(comparisons)
    figure = Figure(figsize=(12, max(5.0, 1.6 + 0.24 * min(len(kinds), MOST_KINDS))), layout="constrained")
    parity, bars = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _draw_parity(figure, parity, comparisons, overall)
    _draw_bars(bars, kinds)
    with output_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _draw_parity(figure: Figure, axes: Axes, comparisons: Sequence[Comparison], overall: Summary) -> None:
    reference = np.arcsinh(np.concatenate([c.reference for c in comparisons]) / LINEAR)
    predicted = np.arcsinh(np.concatenate([c.predicted for c in comparisons]) / LINEAR)
    low = min(reference.min(), predicted.min())
    high = max(reference.max(), predicted.max())
    counts = axes.hexbin(
        reference, predicted, gridsize=120, bins="log", mincnt=1, cmap="viridis", extent=(low, high, low, high)
    )
    axes.plot([low, high], [low, high], color="black", linewidth=0.6)
    marks = [mark for mark in (-10, -1, -0.1, 0, 0.1, 1, 10, 100) if low <= np.arcsinh(mark / LINEAR) <= high]
    places, labels = np.arcsinh(np.array(marks) / LINEAR), [f"{mark:g}" for mark in marks]
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set_aspect("equal")
    axes.set_xlabel("calculated density (e/Å³)")
    axes.set_ylabel("predicted density (e/Å³)")
    axes.set_title(f"{overall.count} structures, mean NMAE {overall.nmae.mean:.2%}")
    figure.colorbar(counts, ax=axes, label="points", shrink=0.8)


def _draw_bars(axes: Axes, kinds: Sequence[Summary]) -> None:
    shown = list(kinds[:MOST_KINDS])[::-1]
    rows = np.arange(len(shown))
    largest = max(kind.nmae.mean for kind in shown)
    if all(kind.fitted is not None for kind in shown):
        fitted = [kind.fitted.mean * 100 for kind in shown if kind.fitted is not None]
        axes.barh(rows, fitted, height=0.8, color=FITTED_COLOUR, label="fitted atoms alone")
        largest = max(largest, max(fitted) / 100)
    axes.barh(rows, [kind.nmae.mean * 100 for kind in shown], height=0.5, color=MODEL_COLOUR, label="model")
    for row, kind in enumerate(shown):
        axes.annotate(
            f"{kind.nmae.mean:.2%}",
            (kind.nmae.mean * 100, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    axes.set_yticks(rows, [f"{kind.kind} ({kind.count})" for kind in shown], fontsize=8)
    axes.set_xlim(0, 112 * largest)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("mean NMAE (%)")
    axes.set_title(f"{OVERALL} crystal types" if len(kinds) <= MOST_KINDS else f"the {MOST_KINDS} worst crystal types")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
