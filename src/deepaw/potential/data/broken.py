"""Faults of single frames, outliers among energies, and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from deepaw.potential.data.geometry import NOT_FINITE, cell_faults, coord_faults
from deepaw.potential.data.neighbours import FrameNeighbours
from deepaw.potential.data.system import Frame

FORCE_LIMIT = 100.0
"""eV/A; a frame with a larger force is reported."""

OVERLAP = 0.5
"""Ratio of a distance to the sum of the covalent radii, below which two atoms overlap."""

CROWDED = 5.0
"""Atoms per cubic A, more than in any matter; the neighbours in such a frame are not counted."""

OUTLIER = 10.0
"""Standard deviations, estimated by the median deviation, that an energy may lie off the median of its composition."""

OUTLIER_ENERGY = 0.1
"""eV per atom; an energy that is nearer to the median is no outlier."""

FEWEST_FRAMES = 8
"""Frames of one composition from which outliers are looked for."""


@dataclass(frozen=True)
class BrokenFrame:
    """A frame, from 0, of a system, and the reason to report it."""

    system: str
    frame: int
    reason: str


def geometry_fault(frame: Frame) -> str | None:
    """Return why the neighbours in a frame cannot be counted; None where they can."""
    if faults := coord_faults(frame.coord[None]):
        return faults[0]
    if frame.cell is None:
        return None
    if faults := cell_faults(frame.cell[None]):
        return faults[0]
    density = len(frame.types) / abs(float(np.linalg.det(frame.cell)))
    return f"{density:.3g} atoms in a cubic A, above {CROWDED:g}" if density > CROWDED else None


def label_faults(frame: Frame) -> list[str]:
    """Return the faults of the labels of one frame: numbers that are not finite, and large forces."""
    reasons = [f"{NOT_FINITE}, in {name}" for name, rows in frame.labels.items() if not np.isfinite(rows).all()]
    force = frame.labels.get("force")
    largest = 0.0 if force is None else float(np.linalg.norm(force, axis=1).max())
    if largest > FORCE_LIMIT:
        reasons.append(f"a force of {largest:.4g} eV/A, above {FORCE_LIMIT:g}")
    return reasons


def overlap_fault(neighbours: FrameNeighbours, type_map: Sequence[str]) -> str | None:
    """Return a sentence on the two types that overlap most; None where none do. Types that are no elements have no
    size."""
    radii = np.array([covalent_radii[atomic_numbers[name]] if name in atomic_numbers else 0.0 for name in type_map])
    limits = OVERLAP * (radii[:, None] + radii)
    if not (neighbours.shortest < limits).any() and neighbours.shortest.min(initial=np.inf) > 0:
        return None
    ratio = neighbours.shortest / np.maximum(limits, 1e-12)
    first, second = sorted(int(index) for index in np.unravel_index(np.argmin(ratio), ratio.shape))
    distance = neighbours.shortest[first, second]
    return (
        f"overlapping atoms: {type_map[first]} and {type_map[second]} {distance:.3f} A apart, "
        f"below {limits[first, second]:.3f}, half the sum of their covalent radii"
    )


def energy_outliers(energies: np.ndarray) -> dict[int, str]:
    """Find outliers among the energies per atom of one composition.

    energies: (n,), eV. Returns a sentence for each outlier, by index.
    """
    finite = energies[np.isfinite(energies)]
    if len(finite) < FEWEST_FRAMES:
        return {}
    median = float(np.median(finite))
    deviation = 1.4826 * float(np.median(np.abs(finite - median)))  # of a normal distribution, its standard deviation
    limit = max(OUTLIER * deviation, OUTLIER_ENERGY)
    return {
        index: f"an energy {energy - median:+.4g} eV/atom off the median of its composition, beyond {limit:.3g}"
        for index, energy in enumerate(energies.tolist())
        if np.isfinite(energy) and abs(energy - median) > limit
    }
