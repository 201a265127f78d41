"""Total density and density matrices as the state of a calculation, with exact ones of GPAW."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.gpaw.assembly import check_occupancies, set_density
from deepaw.gpaw.initial import default_dft
from gpawcases import converged, need_gpaw

need_gpaw()


@pytest.mark.parametrize(("case", "refinement"), [("plane waves", 1), ("plane waves", 2), ("orbitals", 2), ("grid", 2)])
def test_the_smooth_density_is_recovered(case: str, refinement: int) -> None:
    atoms, parameters, exact, total, matrices = converged(case, refinement)
    dft = default_dft(atoms, parameters)
    before = np.abs(dft.density.nt_sR.data - exact.density.nt_sR.data).max()
    set_density(dft.density, dft.setups, dft.relpos_ac, total, matrices)
    for atom, matrix in enumerate(matrices):
        np.testing.assert_array_equal(dft.density.D_asii[atom][0], matrix)
    np.testing.assert_allclose(dft.density.nt_sR.data, exact.density.nt_sR.data, atol=1e-9 * before + 1e-12)


def test_a_density_of_float32_is_enough() -> None:
    atoms, parameters, exact, total, matrices = converged("plane waves", 2)
    dft = default_dft(atoms, parameters)
    set_density(dft.density, dft.setups, dft.relpos_ac, total.astype(np.float32), matrices)
    np.testing.assert_allclose(dft.density.nt_sR.data, exact.density.nt_sR.data, atol=1e-6)


def test_grids_that_do_not_fit() -> None:
    atoms, parameters, _, total, matrices = converged("plane waves", 1)
    dft = default_dft(atoms, parameters)
    for wrong in (total[:-1], total[::2], np.tile(total, (2, 1, 1))):
        with pytest.raises(InputError, match=r"needs .* or a whole multiple"):
            set_density(dft.density, dft.setups, dft.relpos_ac, wrong, matrices)


def test_occupancies_that_do_not_fit() -> None:
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
