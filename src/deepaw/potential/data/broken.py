"""Frames that look broken: by what, and where the limits are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from deepaw.potential.data.geometry import NOT_FINITE, cell_faults, coord_faults
from deepaw.potential.data.neighbours import FrameNeighbours
from deepaw.potential.data.system import Frame

FORCE_LIMIT = 100.0
"""eV/A; a larger force is hardly that of a structure that was meant."""

OVERLAP = 0.5
"""Atoms overlap when they are nearer than this part of the sum of their covalent radii."""

CROWDED = 5.0
"""Atoms in a cubic A, more than in any matter; the neighbours of such a frame are not counted."""

OUTLIER = 10.0
"""How many standard deviations, as the median deviation gives them, an energy may lie off its composition's median."""

OUTLIER_ENERGY = 0.1
"""eV per atom; an energy nearer to the median than this is no outlier."""

FEWEST = 8
"""Frames of one composition that are needed to tell what an outlier is."""


@dataclass(frozen=True)
class BrokenFrame:
    """A frame (from 0) of a system, and what is wrong with it."""

    system: str
    frame: int
    reason: str


def wrong_geometry(frame: Frame) -> str | None:
    """Why neighbours of a frame cannot be counted, if they cannot."""
    if faults := coord_faults(frame.coord[None]):
        return faults[0]
    if frame.cell is None:
        return None
    if faults := cell_faults(frame.cell[None]):
        return faults[0]
    density = len(frame.types) / abs(float(np.linalg.det(frame.cell)))
    return f"{density:.3g} atoms in a cubic A, above {CROWDED:g}" if density > CROWDED else None


def wrong_labels(frame: Frame) -> list[str]:
    """What is wrong with the labels of a frame by themselves."""
    reasons = [f"{NOT_FINITE}, in {name}" for name, rows in frame.labels.items() if not np.isfinite(rows).all()]
    force = frame.labels.get("force")
    largest = 0.0 if force is None else float(np.linalg.norm(force, axis=1).max())
    if largest > FORCE_LIMIT:
        reasons.append(f"a force of {largest:.4g} eV/A, above {FORCE_LIMIT:g}")
    return reasons


def overlap(found: FrameNeighbours, type_map: Sequence[str]) -> str | None:
    """Which types come too near to each other, if any do; types that are no elements have no size."""
    radii = np.array([covalent_radii[atomic_numbers[name]] if name in atomic_numbers else 0.0 for name in type_map])
    limits = OVERLAP * (radii[:, None] + radii)
    if not (found.shortest < limits).any() and found.shortest.min(initial=np.inf) > 0:
        return None
    ratio = found.shortest / np.maximum(limits, 1e-12)
    first, second = sorted(int(index) for index in np.unravel_index(np.argmin(ratio), ratio.shape))
    return (
        f"overlapping atoms: {type_map[first]} and {type_map[second]} {found.shortest[first, second]:.3f} A apart, "
        f"below {limits[first, second]:.3f}, half the sum of their covalent radii"
    )


def energy_outliers(energies: np.ndarray) -> dict[int, str]:
    """Of the energies per atom (n,), in eV, of one composition: those far off the others, by index."""
    finite = energies[np.isfinite(energies)]
    if len(finite) < FEWEST:
        return {}
    median = float(np.median(finite))
    deviation = 1.4826 * float(np.median(np.abs(finite - median)))  # of a normal distribution, its standard deviation
    limit = max(OUTLIER * deviation, OUTLIER_ENERGY)
    return {
        index: f"an energy {energy - median:+.4g} eV/atom off the median of its composition, beyond {limit:.3g}"
        for index, energy in enumerate(energies.tolist())
        if np.isfinite(energy) and abs(energy - median) > limit
    }
