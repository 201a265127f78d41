"""Band structures, their file and their picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from deepaw.errors import InputError
from deepaw.gpaw.bandpicture import draw_bands
from deepaw.gpaw.bands import Bands, band_parameters, bands_of, find_path, write_bands
from deepaw.gpaw.converge import run_at_fixed_density, run_to_selfconsistency
from deepaw.gpaw.initial import default_dft, start_dft
from deepaw.gpaw.sources import KnownDensity
from gpawcases import RUN, converged, need_gpaw

BANDS = Bands(
    path="GX",
    kpoints=[[0, 0, 0], [0.5, 0, 0.5]],
    distances=[0.0, 1.0],
    labels=["G", "X"],
    label_distances=[0.0, 1.0],
    energies=[[-1.0, 3.0], [-2.0, 4.0]],
    filled=1,
    fermi_level=0.0,
    gap=4.0,
    run=RUN,
    seconds=1.0,
)


def test_paths() -> None:
    atoms = bulk("Si")
    assert find_path(atoms, "G,X,W,K,G").path == "GXWKG"
    assert find_path(atoms, "G, X | K,G").path == "GX,KG"
    assert find_path(atoms, None).path.startswith("GXWK")
    with pytest.raises(InputError, match="has the point M, which this lattice lacks; it has G, K, L, U, W, X"):
        find_path(atoms, "G,M")
    with pytest.raises(InputError, match="must name two points or more"):
        find_path(atoms, "G")


def test_parameters_of_bands_leave_what_is_given() -> None:
    assert band_parameters({"mode": "pw"}) == {"mode": "pw", "nbands": "150%", "convergence": {"bands": "CBM+0.5"}}
    given = {"nbands": 20, "convergence": {"bands": 10, "energy": 1e-4}}
    assert band_parameters(given) == given


def test_file_and_picture(tmp_path: Path) -> None:
    write_bands(tmp_path / "bands.json", BANDS, BANDS)
    content = json.loads((tmp_path / "bands.json").read_text())
    assert content["gap"] == 4.0 and content["run"]["steps"] == 7
    assert content["self_consistent"]["energies"] == BANDS.energies
    draw_bands(tmp_path / "bands.png", "Si2", BANDS, BANDS)
    assert (tmp_path / "bands.png").read_bytes().startswith(b"\x89PNG")


def test_bands_at_the_exact_density() -> None:
    need_gpaw()
    atoms, parameters, _, total, matrices = converged("plane waves", 2)
    parameters = band_parameters(parameters)
    path = find_path(atoms, None)
    path = atoms.cell.bandpath(path.path[:2], npoints=4)
    dft = start_dft(atoms, KnownDensity(total, matrices), parameters)
    fixed = bands_of(dft, run_at_fixed_density(dft), path)
    dft = default_dft(atoms, parameters)
    exact = bands_of(dft, run_to_selfconsistency(dft), path)
    assert np.array(fixed.energies).shape[0] == 4 and fixed.filled == 8
    assert fixed.occupied_deviation(exact) < 0.01
    assert fixed.gap == pytest.approx(exact.gap, abs=0.02) and exact.gap is not None and exact.gap > 2
    assert fixed.fermi_level == pytest.approx(exact.fermi_level, abs=0.1)
