"""Runs to self-consistency and at a fixed density."""

from __future__ import annotations

import numpy as np
import pytest
from ase.units import Ha

from deepaw.gpaw.converge import band_edges, electron_count, kpoint_eigenvalues, run_at_fixed_density
from deepaw.gpaw.initial import default_dft, start_dft
from deepaw.gpaw.sources import KnownDensity
from gpawcases import converged, need_gpaw


def test_gap_between_filled_and_empty_bands() -> None:
    eigenvalues = np.array([[-3.0, -1.0, 2.0], [-2.5, -0.5, 1.0]])
    assert band_edges(eigenvalues, 4) == (-0.5, 1.0)
    assert band_edges(eigenvalues, 2) == (-2.5, -1.0)
    assert band_edges(eigenvalues, 6) is None
    assert band_edges(np.array([[0.0, 1.0], [2.0, 3.0]]), 2) == (2.0, 1.0)


@pytest.mark.parametrize("case", ["plane waves", "orbitals"])
def test_harris_energy_at_the_exact_density(case: str) -> None:
    need_gpaw()
    atoms, parameters, exact, total, matrices = converged(case, 2)
    run = run_at_fixed_density(start_dft(atoms, KnownDensity(total, matrices), parameters))
    assert run.energy == pytest.approx(exact.results["energy"] * Ha, abs=2e-3)
    edges = band_edges(kpoint_eigenvalues(exact), electron_count(exact))
    assert edges is not None
    assert run.fermi_level == pytest.approx(sum(edges) / 2, abs=0.02)


def test_the_error_of_the_energy_is_of_second_order() -> None:
    need_gpaw()
    atoms, parameters, exact, total, matrices = converged("plane waves", 2)
    free = default_dft(atoms, parameters)
    from gpaw.densities import Densities

    of_atoms = Densities.from_calculation(free).pseudo_densities(grid_refinement=2).data[0]
    atomic = [free.density.D_asii[atom][0].copy() for atom in range(len(atoms))]
    errors = []
    for share in (0.05, 0.1):
        mixed = total + share * (of_atoms - total)
        occupancies = [one + share * (other - one) for one, other in zip(matrices, atomic, strict=True)]
        run = run_at_fixed_density(start_dft(atoms, KnownDensity(mixed, occupancies), parameters))
        errors.append(run.energy - exact.results["energy"] * Ha)
    assert errors[1] / errors[0] == pytest.approx(4, rel=0.35)
