"""Band structures: bands along a path through the Brillouin zone in the potential of a calculation."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from deepaw.errors import InputError
from deepaw.gpaw.converge import Run, band_edges, electron_count, kpoint_eigenvalues
from deepaw.gpaw.environment import gpaw_errors
from deepaw.outputfile import output_file

POINTS = 60
"""k points along a path."""

EMPTY_BANDS = "CBM+0.5"
"""Which bands are converged, in GPAW's words: those up to 0.5 eV above the conduction band's edge."""

MORE_BANDS = "150%"
"""How many bands there are, in GPAW's words: one and a half times those that are filled."""


@dataclass(frozen=True)
class Bands:
    """Bands along a path, with the run they belong to.

    path: ASE's text, such as GXWKG. kpoints: (n, 3), in reciprocal cell vectors. distances: (n,) along the path, 1/A.
    labels, label_distances: special points. energies: (n, nbands), eV. filled: bands that are filled in an insulator.
    gap: eV, over the k points of the run and of the path. fermi_level: eV, the gap's middle where there is one.
    seconds: of the bands along the path.
    """

    path: str
    kpoints: list[list[float]]
    distances: list[float]
    labels: list[str]
    label_distances: list[float]
    energies: list[list[float]]
    filled: int
    fermi_level: float
    gap: float | None
    run: Run
    seconds: float

    def occupied_deviation(self, other: Bands) -> float:
        """Return the mean absolute deviation of the filled bands from those of `other`, eV."""
        mine, theirs = (np.array(bands.energies)[:, : self.filled] for bands in (self, other))
        return float(np.abs(mine - theirs).mean())


def band_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return GPAW's parameters with empty bands among those that are there and converged, unless they say otherwise."""
    convergence = {"bands": EMPTY_BANDS, **(parameters.get("convergence") or {})}
    return {"nbands": MORE_BANDS, **parameters, "convergence": convergence}


def find_path(atoms: Atoms, path: str | None) -> Any:
    """Return ASE's band path of points such as "G,X,W,K,G" ("|" for a jump), or of the lattice's own where None.

    Raises InputError: a point that the lattice of `atoms` does not have.
    """
    special = atoms.cell.bandpath(npoints=0, pbc=atoms.pbc).special_points
    if path is None:
        return atoms.cell.bandpath(npoints=POINTS, pbc=atoms.pbc)
    parts = [[name.strip() for name in part.split(",") if name.strip()] for part in path.split("|")]
    for name in (name for part in parts for name in part):
        if name not in special:
            raise InputError(
                f"The path {path} has the point {name}, which this lattice lacks; it has {', '.join(sorted(special))}."
            )
    if any(len(part) < 2 for part in parts):
        raise InputError(f"The path {path} must name two points or more, such as G,X,W,K,G.")
    return atoms.cell.bandpath(",".join("".join(part) for part in parts), npoints=POINTS, pbc=atoms.pbc)


def bands_of(dft: Any, run: Run, path: Any, name: str = "the structure") -> Bands:
    """Compute the bands along `path` in the potential of `dft`, which `run` has converged."""
    begin = time.perf_counter()
    with gpaw_errors(name):
        calculator = dft.ase_calculator().fixed_density(
            kpts={"path": path.path, "npoints": len(path.kpts)}, symmetry="off", txt=None
        )
    energies = kpoint_eigenvalues(calculator.dft)
    distances, label_distances, labels = path.get_linear_kpoint_axis()
    filled = round(electron_count(dft) / 2)
    mesh = kpoint_eigenvalues(dft)
    bands = min(mesh.shape[1], energies.shape[1])
    edges = band_edges(np.concatenate([mesh[:, :bands], energies[:, :bands]]), electron_count(dft))
    return Bands(
        path=path.path,
        kpoints=np.asarray(path.kpts).tolist(),
        distances=[float(distance) for distance in distances],
        labels=[str(label) for label in labels],
        label_distances=[float(distance) for distance in label_distances],
        energies=energies.tolist(),
        filled=filled,
        fermi_level=sum(edges) / 2 if edges and edges[1] > edges[0] else run.fermi_level,
        gap=None if edges is None else max(0.0, edges[1] - edges[0]),
        run=run,
        seconds=time.perf_counter() - begin,
    )


def write_bands(path: Path, bands: Bands, reference: Bands | None = None) -> None:
    """Write bands as JSON, with the self-consistent ones of `reference` under "self_consistent"."""
    content = asdict(bands)
    if reference is not None:
        content["self_consistent"] = asdict(reference)
    with output_file(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n")
