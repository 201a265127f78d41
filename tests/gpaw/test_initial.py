"""GPAW calculations that begin from a given density."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.gpaw import start
from deepaw.gpaw.initial import start_dft
from deepaw.gpaw.scf import run_from_atoms, run_from_start
from deepaw.gpaw.sources import KnownDensity
from deepaw.gpaw.trained import TrainedSetups
from gpawcases import PLANE_WAVES, converged, magnesia, need_gpaw

need_gpaw()


@pytest.mark.parametrize(("case", "fewer"), [("plane waves", 2), ("orbitals", 2), ("grid", None)])
def test_an_exact_start_takes_fewer_iterations_to_the_same_energy(case: str, fewer: int | None) -> None:
    """On a real-space grid, the first and still rough wave functions cost more iterations than the start saves."""
    atoms, parameters, exact, total, matrices = converged(case, 2)
    default = run_from_atoms(atoms, parameters, case)
    known = run_from_start(atoms, KnownDensity(total, matrices), parameters, case)
    assert fewer is None or known.run.steps <= default.run.steps - fewer
    assert known.run.energy == pytest.approx(default.run.energy, abs=1e-3)
    assert exact.scf_loop.niter == default.run.steps


def test_the_public_call(tmp_path: Path) -> None:
    atoms, parameters, exact, total, matrices = converged("plane waves", 2)
    atoms = atoms.copy()
    log = tmp_path / "gpaw.txt"
    atoms.calc = start(atoms, KnownDensity(total, matrices), txt=log, **parameters)
    np.testing.assert_allclose(atoms.calc.dft.density.nt_sR.data, exact.density.nt_sR.data, atol=1e-6)
    assert atoms.get_potential_energy() == pytest.approx(exact.results["energy"] * 27.211386, abs=1e-3)
    assert np.isfinite(atoms.get_forces()).all()
    assert "given, not a superposition of atoms" in log.read_text()


def test_symmetry_of_the_start() -> None:
    """k points are reduced by symmetry, which a density that lacks it must be given."""
    _, _, _, total, matrices = converged("plane waves", 2)
    from ase.build import bulk

    atoms = bulk("MgO", "rocksalt", a=4.25)
    density = start_dft(atoms, KnownDensity(total, matrices), PLANE_WAVES).density
    before = density.nt_sR.data.copy()
    density.symmetrize(start_dft(atoms, KnownDensity(total, matrices), PLANE_WAVES).ibzwfs.ibz.symmetries)
    np.testing.assert_allclose(density.nt_sR.data, before, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spinpol": True}, "spin-polarised; predicted starts are for spin-paired"),
        ({"charge": 1.0}, "with the charge 1; predicted densities are of neutral cells"),
        ({"xc": "LDA"}, "uses LDA; the occupancies are for PBE"),
        ({"smearing": 0.1}, "GPAW has no parameter 'smearing'; it has background_charge, basis"),
        ({"kpts": "many"}, "GPAW refuses"),
    ],
)
def test_calculations_that_are_refused(change: dict[str, Any], message: str) -> None:
    atoms, parameters, _, total, matrices = converged("plane waves", 2)
    source = KnownDensity(total, matrices, TrainedSetups(xc="PBE"))
    with pytest.raises(InputError, match=message):
        start_dft(atoms, source, {**parameters, **change}, name="crystal")


def test_setups_other_than_those_of_the_training() -> None:
    atoms, parameters, dft, total, matrices = converged("plane waves", 2)
    prints = {setup.symbol: setup.fingerprint for setup in dft.setups}
    start_dft(atoms, KnownDensity(total, matrices, TrainedSetups(("Mg", "O"), prints)), parameters)
    other = TrainedSetups(("Mg", "O"), {**prints, "O": "0123"})
    with pytest.raises(InputError, match=f"setup of O in this calculation has the fingerprint {prints['O']}.*of 0123"):
        start_dft(atoms, KnownDensity(total, matrices, other), parameters)
    of_vasp = TrainedSetups(("Mg", "O"), {"Mg": "", "O": ""})
    with pytest.raises(InputError, match="occupancies of Mg are not those of a GPAW setup"):
        start_dft(atoms, KnownDensity(total, matrices, of_vasp), parameters)


def test_another_cutoff_is_warned_of() -> None:
    atoms, parameters, _, total, matrices = converged("plane waves", 2)
    with pytest.warns(UserWarning, match="for a plane-wave cutoff of 600 eV .* at 300 eV less is saved"):
        start_dft(atoms, KnownDensity(total, matrices, TrainedSetups(cutoff=600.0)), parameters)


def test_a_structure_that_gpaw_refuses() -> None:
    _, parameters, _, total, matrices = converged("plane waves", 2)
    atoms = magnesia()
    atoms.numbers[0] = 118
    with pytest.raises(InputError, match="GPAW refuses crystal: "):
        start_dft(atoms, KnownDensity(total, matrices), parameters, name="crystal")


def test_a_model_without_occupancies() -> None:
    with pytest.raises(InputError, match=r"The model .* predicts no PAW occupancies, without which a start saves noth"):
        start(magnesia(), str(_without_occupancies()), **PLANE_WAVES)


def _without_occupancies() -> Path:
    from deepaw.density.model.model import load_density_model

    model = load_density_model("fast")
    if getattr(model, "occupancies", None) is not None:
        pytest.skip("the bundled model has occupancies")
    return Path("fast")
