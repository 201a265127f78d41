"""Runs of a GPAW calculation: to self-consistency, or at the density that it begins from.

At a fixed density the energy is that of Harris and Foulkes, whose error is of second order in that of the density.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.units import Ha
from numpy.typing import NDArray

from deepaw.gpaw.environment import gpaw_errors

DENSITY_CRITERIA = ("energy", "density", "forces", "work function")
"""Convergence criteria that mean nothing while the density is held fixed."""


@dataclass(frozen=True)
class Run:
    """Result of a GPAW calculation.

    steps: iterations. seconds: in them. energy: eV, extrapolated to no smearing; free_energy: eV, with its entropy.
    fermi_level: eV, the middle of the gap where there is one. gap: eV between the highest occupied and the lowest empty
    state at the k points of the calculation, 0 where bands overlap; None without empty bands.
    """

    steps: int
    seconds: float
    energy: float
    free_energy: float
    fermi_level: float
    gap: float | None


def run_to_selfconsistency(dft: Any, name: str = "the structure") -> Run:
    """Converge a `gpaw.new.calculation.DFT`."""
    return _run(dft, name)


def run_at_fixed_density(dft: Any, name: str = "the structure") -> Run:
    """Converge the wave functions in the potential that `dft` begins with, density and potential held fixed."""
    loop = dft.scf_loop
    loop.update_density_and_potential = False
    for criterion in DENSITY_CRITERIA:
        loop.convergence.pop(criterion, None)
    return _run(dft, name)


def band_edges(eigenvalues: NDArray[np.float64], electrons: float) -> tuple[float, float] | None:
    """Return the highest filled and the lowest empty level of bands (nkpts, nbands) with spin-paired electrons.

    The second is not above the first where bands overlap. None without empty bands.
    """
    filled = round(electrons / 2)
    if filled < 1 or filled >= eigenvalues.shape[1]:
        return None
    return float(eigenvalues[:, filled - 1].max()), float(eigenvalues[:, filled].min())


def kpoint_eigenvalues(dft: Any) -> NDArray[np.float64]:
    """Return the eigenvalues of a spin-paired calculation, (nkpts, nbands), eV."""
    eigenvalues: NDArray[np.float64] = dft.ibzwfs.get_all_eigs_and_occs()[0][0] * Ha
    return eigenvalues


def electron_count(dft: Any) -> float:
    """Return the number of valence electrons of a calculation."""
    return float(dft.density.nvalence - dft.density.charge + dft.pot_calc.charge)


def _run(dft: Any, name: str) -> Run:
    begin = time.perf_counter()
    with gpaw_errors(name):
        dft.converge()
        seconds = time.perf_counter() - begin
        energy = dft.calculate_energy()
    edges = band_edges(kpoint_eigenvalues(dft), electron_count(dft))
    has_gap = edges is not None and edges[1] > edges[0]
    return Run(
        steps=dft.scf_loop.niter,
        seconds=seconds,
        energy=float(energy),
        free_energy=float(dft.results["free_energy"] * Ha),
        # smearing leaves it anywhere in a gap
        fermi_level=sum(edges) / 2 if edges and has_gap else float(dft.ibzwfs.fermi_level * Ha),
        gap=None if edges is None else max(0.0, edges[1] - edges[0]),
    )
