"""Total density and density matrices as the state of a calculation, with exact ones of GPAW."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.gpaw.assembly import check_occupancies, resample, set_density
from deepaw.gpaw.initial import default_dft
from gpawcases import converged, need_gpaw


@pytest.mark.parametrize(("case", "refinement"), [("plane waves", 1), ("plane waves", 2), ("orbitals", 2), ("grid", 2)])
def test_the_smooth_density_is_recovered(case: str, refinement: int) -> None:
    need_gpaw()
    atoms, parameters, exact, total, matrices = converged(case, refinement)
    dft = default_dft(atoms, parameters)
    before = np.abs(dft.density.nt_sR.data - exact.density.nt_sR.data).max()
    set_density(dft.density, dft.setups, dft.relpos_ac, total, matrices)
    for atom, matrix in enumerate(matrices):
        np.testing.assert_array_equal(dft.density.D_asii[atom][0], matrix)
    np.testing.assert_allclose(dft.density.nt_sR.data, exact.density.nt_sR.data, atol=1e-9 * before + 1e-12)


def test_a_density_of_float32_is_enough() -> None:
    need_gpaw()
    atoms, parameters, exact, total, matrices = converged("plane waves", 2)
    dft = default_dft(atoms, parameters)
    set_density(dft.density, dft.setups, dft.relpos_ac, total.astype(np.float32), matrices)
    np.testing.assert_allclose(dft.density.nt_sR.data, exact.density.nt_sR.data, atol=1e-6)


@pytest.mark.parametrize(("few", "many"), [((4, 5, 6), (8, 9, 7)), ((6, 6, 6), (7, 12, 6)), ((5, 5, 5), (6, 10, 5))])
def test_cutting_takes_back_a_continuation(few: tuple[int, int, int], many: tuple[int, int, int]) -> None:
    values = np.random.default_rng(1).normal(size=few)
    finer = resample(values, many)
    assert finer.mean() == pytest.approx(values.mean())
    np.testing.assert_allclose(resample(finer, few), values, atol=1e-12)
    if all(big % small == 0 for small, big in zip(few, many, strict=True)):
        steps = tuple(big // small for small, big in zip(few, many, strict=True))
        np.testing.assert_allclose(finer[:: steps[0], :: steps[1], :: steps[2]], values, atol=1e-12)


def test_waves_on_another_grid() -> None:
    def wave(size: int) -> np.ndarray:
        x = np.arange(size) / size
        return np.cos(2 * np.pi * (x[:, None, None] + 2 * x[:, None] - x)) + 0.5

    np.testing.assert_allclose(resample(wave(6), (9, 9, 9)), wave(9), atol=1e-12)
    np.testing.assert_allclose(resample(wave(10), (6, 6, 6)), wave(6), atol=1e-12)


def test_occupancies_that_do_not_fit() -> None:
    need_gpaw()
    atoms, _, dft, _, matrices = converged("plane waves", 1)
    assert len(check_occupancies(dft.setups, atoms, matrices)) == 2
    with pytest.raises(InputError, match="of 1 atoms for a structure of 2"):
        check_occupancies(dft.setups, atoms, matrices[:1])
    with pytest.raises(InputError, match="no PAW occupancies for O"):
        check_occupancies(dft.setups, atoms, [matrices[0], None])
    with pytest.raises(InputError, match=r"atom 2 \(O\) have the shape \(3, 3\); its GPAW setup has 13 projectors"):
        check_occupancies(dft.setups, atoms, [matrices[0], np.eye(3)])
    with pytest.raises(InputError, match=r"atom 1 \(Mg\) are not all finite"):
        check_occupancies(dft.setups, atoms, [np.full_like(matrices[0], np.nan), matrices[1]])
