import numpy as np
import pytest

from deepaw.density.occupancies.errors import mean_errors, relative_error


def test_sum_of_errors_over_sum_of_matrix() -> None:
    assert relative_error(np.array([[1.0, 0], [0, 2]]), np.array([[1.0, 1], [1, 1]])) == pytest.approx(3 / 4)


def test_mean_over_atoms_of_each_element() -> None:
    one = np.eye(2)
    atoms = [("O", 1.1 * one, one), ("O", 1.3 * one, one), ("H", one, 2 * one)]
    errors = mean_errors(atoms, {"O": 2 * one}, {"O": one, "H": one})
    assert [error.symbol for error in errors] == ["H", "O"]
    assert errors[1].error == pytest.approx(0.2)
    assert (errors[1].atoms, errors[1].free_atom, errors[1].mean) == (2, pytest.approx(1.0), 0.0)
    assert errors[0].free_atom is None and errors[0].mean == pytest.approx(0.5)
