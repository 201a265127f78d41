"""Every row of the tables of Python names says what can be imported, and with which arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

import deepaw.infer
from deepaw.calculator import DP
from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepEval, DeepPolar, DeepPot, DeepPotential
from deepmd_kit.page import table
from potential.files.peer_models import path_of
from potential.files.tensor_models import path_of as tensor_path
from potential.longrange.models import dipole_model
from potential.systems import water


@pytest.mark.parametrize(("theirs", "here"), table("Python", 0).items())
def test_imports(theirs: str, here: str) -> None:
    namespace: dict[str, Any] = {}
    exec(here.strip("`"), namespace)
    assert theirs.rsplit(" ", 1)[1] == here.strip("`").rsplit(" ", 1)[1] in namespace


@pytest.mark.parametrize("name", table("Python", 1))
def test_what_is_not_there(name: str) -> None:
    owner, _, attribute = name.rpartition(".")
    assert not hasattr(getattr(deepaw.infer, owner) if owner else deepaw.infer, attribute)


def test_the_class_for_a_model(tmp_path: Path) -> None:
    dipole_model().save(tmp_path / "dipole.safetensors")
    energies = DeepEval(path_of("one_side"))
    dipoles = DeepEval(tmp_path / "dipole.safetensors", precision="exact")
    assert type(energies) is DeepPot and type(dipoles) is DeepDipole and DeepPotential is DeepEval
    assert isinstance(energies, DeepEval)
    assert type(DeepEval(model_file=dipole_model())) is DeepDipole
    frames = water(2, 2)
    np.testing.assert_array_equal(
        energies.eval(frames.coord, frames.cell, frames.types)[0],
        DeepPot(path_of("one_side")).eval(frames.coord, frames.cell, frames.types)[0],
    )
    with pytest.raises(InputError, match="fitting net of type ener; dipole is needed"):
        DeepDipole(path_of("one_side"))
    with pytest.raises(InputError, match="fitting net of type dipole, which is another class"):
        DeepPot(dipole_model())


def test_the_polarizability_of_a_frame_instead_of_deep_global_polar() -> None:
    model, frames = DeepPolar(tensor_path("polar")), water(2, 2)
    whole = model.eval(frames.coord, frames.cell, frames.types, atomic=False)
    np.testing.assert_allclose(whole, model.eval(frames.coord, frames.cell, frames.types).sum(axis=1), atol=1e-12)
    assert whole.shape == (2, 9)


def test_arguments_by_their_names() -> None:
    model = DeepPot(model_file=path_of("one_side"), auto_batch_size=32, neighbor_list=None, head=None)
    frames = water(2, 2)
    energy, force, virial, atom_energy, atom_virial = model.eval(
        coords=frames.coord.reshape(2, -1),
        cells=frames.cell.reshape(2, 9),
        atom_types=frames.types,
        atomic=True,
        fparam=None,
        aparam=None,
        mixed_type=False,
    )
    assert (energy.shape, force.shape, virial.shape) == ((2, 1), (2, 6, 3), (2, 9))
    assert (atom_energy.shape, atom_virial.shape) == ((2, 6, 1), (2, 6, 9))
    double = model.eval_descriptor(coords=frames.coord, cells=frames.cell, atom_types=frames.types)
    single = model.eval_descriptor(frames.coord, frames.cell, frames.types, dtype="fp32")
    assert (double.dtype, single.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(single, double, rtol=1e-6, atol=1e-7)
    assert model.get_observed_types() == {"type_num": 2, "observed_type": ["H", "O"]}
    with pytest.raises(InputError, match="head is 'water'"):
        DeepPot(path_of("one_side"), head="water")
    with pytest.raises(InputError, match="neighbor_list is given"):
        DeepPot(path_of("one_side"), neighbor_list=object())
    with pytest.raises(InputError, match="dtype is 'half'"):
        model.eval_descriptor(frames.coord, frames.cell, frames.types, dtype="half")


def test_types_that_were_in_the_data() -> None:
    model = DeepPot(path_of("one_side")).get_model()
    model.bias[0] = 1e-9
    assert DeepPot(model).get_observed_types() == {"type_num": 1, "observed_type": ["H"]}
    with pytest.raises(InputError, match="does not say which types"):
        DeepDipole(dipole_model()).get_observed_types()


@pytest.mark.parametrize("periodic", [True, False])
def test_the_calculator(periodic: bool) -> None:
    frames = water(1, 3, periodic=periodic)
    cell = None if frames.cell is None else frames.cell[0]
    atoms = Atoms("O3H6", frames.coord[0], cell=cell, pbc=periodic)
    atoms.calc = DP(path_of("one_side"), label="water", type_dict={"O": 0, "H": 1}, nlist_backend="auto")
    energy, force, virial = DeepPot(path_of("one_side")).eval(frames.coord, frames.cell, frames.types)
    assert atoms.get_potential_energy() == pytest.approx(energy[0, 0], abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), force[0], atol=1e-9)
    np.testing.assert_allclose(atoms.calc.get_property("virial", atoms), virial[0].reshape(3, 3), atol=1e-9)
    if periodic:
        stress = -0.5 * (virial[0].reshape(3, 3) + virial[0].reshape(3, 3).T) / atoms.get_volume()
        np.testing.assert_allclose(atoms.get_stress(), stress.flat[[0, 4, 8, 5, 2, 1]], atol=1e-9)


@pytest.mark.parametrize("name", ["neighbor_list", "head"])
def test_arguments_of_the_calculator_that_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is given to DP"):
        DP(path_of("one_side"), **{name: "x"})  # type: ignore[arg-type]
