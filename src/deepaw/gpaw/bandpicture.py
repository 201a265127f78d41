"""Picture of a band structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepaw.gpaw.bands import Bands
from deepaw.outputfile import output_file

PREDICTED_COLOUR, REFERENCE_COLOUR = "#1f5a99", "#d08020"

ABOVE, BELOW = 8.0, 12.0
"""eV around the Fermi level that are shown."""


def draw_bands(path: Path, title: str, bands: Bands, reference: Bands | None = None) -> None:
    """Write a PNG of `bands` relative to their Fermi level, over the self-consistent ones of `reference`."""
    figure = Figure(figsize=(6.5, 5.0), layout="constrained")
    axes = figure.subplots()
    if reference is not None:
        _draw(axes, reference, REFERENCE_COLOUR, 2.2, "self-consistent")
    _draw(axes, bands, PREDICTED_COLOUR, 0.9, "at the predicted density")
    for distance in bands.label_distances:
        axes.axvline(distance, color="#c9ced6", linewidth=0.6, zorder=0)
    axes.axhline(0, color="black", linewidth=0.5, linestyle=":")
    axes.set_xticks(bands.label_distances, ["Γ" if label == "G" else label for label in bands.labels])
    axes.set_xlim(bands.distances[0], bands.distances[-1])
    axes.set_ylim(-BELOW, ABOVE)
    axes.set_ylabel("energy relative to the Fermi level (eV)")
    axes.set_title(title if bands.gap is None else f"{title}, gap {bands.gap:.2f} eV")
    axes.legend(loc="upper right", fontsize=8)
    with output_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _draw(axes: Axes, bands: Bands, colour: str, width: float, label: str) -> None:
    energies = np.array(bands.energies) - bands.fermi_level
    lines = axes.plot(bands.distances, energies, color=colour, linewidth=width)
    lines[0].set_label(label)
