"""`sel: "auto"` and `sel` that is too small; expected counts are those of DeePMD-kit 3.2.0."""

import warnings

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.system import read_system
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.training.sel import count_neighbours
from potential.systems import Frames, water, write_system

TYPES = ("H", "O")


@pytest.fixture
def systems(tmp_path):
    small = write_system(tmp_path / "small", water(2, molecules=1, seed=5))
    free = write_system(tmp_path / "free", water(2, molecules=2, seed=6, periodic=False))
    return [read_system(path, TYPES) for path in (small, free)]


def _part(sel, rcut=4.0) -> dict:
    return {"rcut": rcut, "rcut_smth": 1.0, "sel": sel, "neuron": (4,), "axis_neuron": 2}


def _config(*parts) -> ModelConfig:
    descriptor = parts[0] if len(parts) == 1 else {"type": "hybrid", "list": parts}
    return ModelConfig.model_validate({"type_map": TYPES, "descriptor": descriptor})


@pytest.mark.parametrize(("sel", "expected"), [("auto", (28, 16)), ("auto:1.5", (36, 20)), ("auto:1", (24, 12))])
def test_auto(systems, sel, expected):
    counted = count_neighbours(_config(_part(sel)), systems)
    assert counted.config.descriptor.sel == expected
    assert counted.closest == pytest.approx(0.8584122110988035, rel=1e-12)


def test_each_part_counts_within_its_own_cutoff(systems):
    counted = count_neighbours(_config(_part("auto"), _part("auto", 4.5), _part((30, 40))), systems)
    assert [part.sel for part in counted.config.descriptor.list] == [(28, 16), (36, 20), (30, 40)]


def test_too_few_are_warned_about_once(systems):
    with pytest.warns(UserWarning, match=r"^sel is \[22, 12\], and .* up to 23 of H within 4 A; all of them") as caught:
        count_neighbours(_config(_part((22, 12))), systems)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="23 of H and 12 of O within 4 A; the farthest are dropped"):
        count_neighbours(_config(_part((22, 2))), systems, fixed_slots=True)


def test_enough_or_none_wanted_is_no_warning(systems):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count_neighbours(_config(_part((23, 12))), systems)
        count_neighbours(_config(_part((23, 0))), systems)


def test_nothing_to_count(tmp_path):
    single_atom = Frames(np.array([0]), np.zeros((1, 1, 3)), None, {"energy": np.zeros(1)})
    system = read_system(write_system(tmp_path / "atom", single_atom, labels=("energy",)), TYPES)
    with pytest.raises(
        InputError, match=r'^sel is "auto", but no atom of the training data has a neighbour within 4 A'
    ):
        count_neighbours(_config(_part("auto")), [system])
    assert count_neighbours(_config(_part((1, 1))), [system]).closest == float("inf")
