import numpy as np
import pytest

from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.setup import (
    PawSetup,
    free_atom_components,
    radial_charges,
    setup_of_description,
)

CHANNELS = Channels("Ti", ((3, 0), (4, 0), (3, 1), (4, 1), (3, 2), (-1, 2)))


def test_compensation_charges_are_kept_by_their_radial_part() -> None:
    delta = np.random.default_rng(0).normal(size=(len(CHANNELS.pairs()), 3))
    setup = PawSetup(CHANNELS, "abc", 12.0, None, delta, -3.4)
    packed = setup.Delta_pL
    assert packed.shape == (171, 9)
    assert np.allclose(PawSetup(CHANNELS, delta=radial_charges(CHANNELS, packed)).Delta_pL, packed, atol=1e-12)
    # Q_00 of an s electron is sqrt(1 / 4 pi) times its radial part
    assert packed[0, 0] == pytest.approx(delta[0, 0] / np.sqrt(4 * np.pi))
    with pytest.raises(ValueError, match="Gaunt"):
        radial_charges(CHANNELS, packed + 0.1)
    with pytest.raises(ValueError, match="no compensation charges"):
        PawSetup(CHANNELS).Delta_pL  # noqa: B018


def test_the_free_atom() -> None:
    matrix = np.diag([2.0, 0, 1, 1, 1, 0, 0, 0, *[0.4] * 5, *[0] * 5])
    matrix[0, 1] = matrix[1, 0] = 0.3
    rows, columns = np.triu_indices(CHANNELS.size)
    packed = matrix[rows, columns] * np.where(rows == columns, 1, 2)
    setup = PawSetup(CHANNELS, free_atom=free_atom_components(CHANNELS, packed))
    assert np.allclose(setup.free_atom_matrix(), matrix, atol=1e-12)
    assert PawSetup(CHANNELS).free_atom_matrix() is None


def test_a_file_keeps_all_of_it() -> None:
    delta = np.random.default_rng(0).normal(size=(len(CHANNELS.pairs()), 3))
    setup = PawSetup(CHANNELS, "abc", 12.0, np.arange(9.0), delta, -3.4, 600.0, "PBE")
    again = setup_of_description("Ti", setup.description(), setup.arrays())
    assert again.channels == CHANNELS
    assert (again.fingerprint, again.electrons, again.delta0, again.cutoff, again.xc) == (
        "abc",
        12.0,
        -3.4,
        600.0,
        "PBE",
    )
    assert np.array_equal(again.free_atom, setup.free_atom) and np.array_equal(again.delta, delta)


def test_which_setups_match() -> None:
    setup = PawSetup(CHANNELS, "abc", cutoff=600.0, xc="PBE")
    assert setup.matches(PawSetup(CHANNELS, "abc"))
    assert setup.matches(PawSetup(CHANNELS, "abc", cutoff=600.0))
    assert not setup.matches(PawSetup(CHANNELS, "abc", cutoff=400.0))
    assert not setup.matches(PawSetup(CHANNELS, "abd"))
    assert not setup.matches(PawSetup(CHANNELS, "abc", xc="LDA"))
