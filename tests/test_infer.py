"""`deepaw.infer.DeepPot`: answers in DeePMD-kit's shapes, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from potential.files.peer_models import CASES, SINGLE, Place, path_of, places

BY_EVAL = ("energy", "force", "virial", "atom_energy", "atom_virial")


def parameters(place: Place) -> dict[str, np.ndarray | None]:
    fparam = None if place.fparam is None else place.fparam[0].numpy()
    return {"fparam": fparam, "aparam": None if place.aparam is None else place.aparam.numpy()}


def all_places(case: str, potential: DeepPot) -> dict[str, float]:
    """Largest deviation of each quantity from the peer's, relative to its largest value."""
    worst, largest = {}, {}
    for place in places(case).values():
        values = dict(zip(BY_EVAL, answers(potential, place, atomic=True), strict=True))
        values["descriptor"] = potential.eval_descriptor(place.coord, place.cell, place.atype, **parameters(place))
        for name, value in values.items():
            off = np.abs(value.reshape(place.answers[name].shape) - place.answers[name]).max()
            worst[name] = max(worst.get(name, 0.0), float(off))
            largest[name] = max(largest.get(name, 0.0), float(np.abs(place.answers[name]).max()))
    return {name: worst[name] / largest[name] for name in worst}


def answers(potential: DeepPot, place: Place, **options: bool) -> tuple[np.ndarray, ...]:
    return potential.eval(place.coord, place.cell, place.atype, **parameters(place), **options)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("precision", "limit"), [("exact", 1e-10), ("float64", 1e-8), ("float32", 2e-3)])
def test_the_answers_are_those_of_deepmd_kit(case: str, precision: str, limit: float) -> None:
    if case in SINGLE:
        limit = max(limit, 3e-6)
    for name, deviation in all_places(case, DeepPot(path_of(case), precision)).items():
        assert deviation < limit, (name, deviation)


@pytest.mark.parametrize("case", ["one_side", "radial", "hybrid", "parameters", "dropped"])
@pytest.mark.parametrize("precision", ["exact", "float64"])
def test_forces_are_the_gradient_of_the_energy(case: str, precision: str) -> None:
    potential, place = DeepPot(path_of(case), precision), places(case)["tric"]
    step = 1e-4
    shifts = np.zeros((6, *place.coord.shape))
    for row, (axis, sign) in enumerate((axis, sign) for axis in range(3) for sign in (1, -1)):
        shifts[row, 2, axis] = sign * step
    cells = np.tile(place.cell.reshape(1, 9), (6, 1))
    energy = potential.eval(place.coord + shifts, cells, place.atype, **parameters(place))[0][:, 0]
    expected = -(energy[::2] - energy[1::2]) / (2 * step)
    force = answers(potential, place)[1][0]
    np.testing.assert_allclose(force[2], expected, rtol=0, atol=1e-6 * np.abs(force).max())


@pytest.fixture(scope="module")
def potential() -> DeepPot:
    return DeepPot(path_of("one_side"))


@pytest.fixture(scope="module")
def place() -> Place:
    return places("one_side")["pbc"]


def test_shapes(potential: DeepPot, place: Place) -> None:
    shapes = [value.shape for value in potential.eval(place.coord, place.cell, place.atype, atomic=True)]
    assert shapes == [(1, 1), (1, 6, 3), (1, 9), (1, 6, 1), (1, 6, 9)]
    assert [value.dtype for value in potential.eval(place.coord, place.cell, place.atype)] == [np.float64] * 3
    assert potential.eval_descriptor(place.coord, place.cell, place.atype).shape == (1, 6, 12)


def test_every_shape_of_a_structure_is_the_same_structure(potential: DeepPot, place: Place) -> None:
    expected = answers(potential, place)
    for coord in (place.coord.reshape(1, 6, 3), place.coord.reshape(1, 18), place.coord.reshape(18)):
        for cell in (place.cell.reshape(9), place.cell.reshape(1, 9), place.cell.reshape(1, 3, 3)):
            for atype in (place.atype.tolist(), place.atype.reshape(1, 6).astype(np.int32)):
                for value, same in zip(potential.eval(coord.tolist(), cell, atype), expected, strict=True):
                    np.testing.assert_array_equal(value, same)


def test_many_frames_are_those_frames_one_by_one(potential: DeepPot, place: Place) -> None:
    random = np.random.default_rng(1)
    coord = place.coord + random.normal(0, 0.05, (5, 6, 3))
    cell = place.cell * random.uniform(0.95, 1.05, (5, 1, 1))
    together = potential.eval(coord.reshape(5, 18), cell.reshape(5, 9), place.atype, atomic=True)
    for k in range(5):
        for value, alone in zip(together, potential.eval(coord[k], cell[k], place.atype, atomic=True), strict=True):
            np.testing.assert_allclose(value[k], alone[0], rtol=1e-10, atol=1e-12)


def test_frames_of_different_composition(potential: DeepPot, place: Place) -> None:
    atype = np.stack([place.atype, place.atype, place.atype])
    atype[1, 0], atype[2, 4:] = 1 - atype[1, 0], -1
    coord, cell = np.stack([place.coord] * 3), np.stack([place.cell] * 3)
    coord[2, 4:] = np.nan  # there is nothing
    together = potential.eval(coord, cell, atype, atomic=True, mixed_type=True)
    assert not np.allclose(together[0][0], together[0][1])
    alone = potential.eval(place.coord[:4], place.cell, place.atype[:4], atomic=True)
    np.testing.assert_allclose(together[0][2], alone[0][0], rtol=1e-12)
    np.testing.assert_allclose(together[1][2, :4], alone[1][0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(together[4][2, :4], alone[4][0], rtol=0, atol=1e-12)
    assert not together[1][2, 4:].any() and not together[3][2, 4:].any()
    descriptor = potential.eval_descriptor(coord, cell, atype, mixed_type=True)
    assert descriptor[2, :4].any() and not descriptor[2, 4:].any()


def test_parameters_in_every_shape() -> None:
    potential, place = DeepPot(path_of("parameters")), places("parameters")["pbc"]
    coord, cell = np.stack([place.coord] * 2), np.stack([place.cell] * 2)
    fparam, aparam = parameters(place)["fparam"], parameters(place)["aparam"]
    assert fparam is not None and aparam is not None
    expected = place.answers["energy"]
    for of_frames in (fparam, np.stack([fparam] * 2)):
        for of_atoms in (aparam, aparam.reshape(-1), np.stack([aparam] * 2), np.stack([aparam] * 2).reshape(2, -1)):
            energy = potential.eval(coord, cell, place.atype, fparam=of_frames, aparam=of_atoms)[0]
            np.testing.assert_allclose(energy[:, 0], [expected, expected], rtol=1e-8)
    same = potential.eval(place.coord, place.cell, place.atype, fparam=fparam, aparam=[0.3])[0]
    spread = potential.eval(place.coord, place.cell, place.atype, fparam=fparam, aparam=[0.3] * 6)[0]
    assert same == spread
    changed = potential.eval(coord, cell, place.atype, fparam=np.stack([fparam, fparam + 1]), aparam=aparam)[0]
    assert abs(changed[0, 0] - changed[1, 0]) > 1e-6


def test_descriptors_do_not_ask_for_parameters() -> None:
    potential, place = DeepPot(path_of("parameters")), places("parameters")["pbc"]
    value = potential.eval_descriptor(place.coord, place.cell, place.atype)[0]
    np.testing.assert_allclose(value, place.answers["descriptor"], rtol=0, atol=1e-12)


def test_default_parameters_may_be_given_or_not() -> None:
    potential, place = DeepPot(path_of("default_parameters")), places("default_parameters")["pbc"]
    assert potential.has_default_fparam()
    left_out = potential.eval(place.coord, place.cell, place.atype)[0]
    np.testing.assert_array_equal(potential.eval(place.coord, place.cell, place.atype, fparam=[0.3, -0.7])[0], left_out)


def test_what_it_says_of_itself(potential: DeepPot) -> None:
    assert potential.get_rcut() == 3.0
    assert potential.get_type_map() == ["O", "H"]
    assert (potential.get_ntypes(), potential.get_sel()) == (2, [16, 20])
    assert (potential.get_dim_fparam(), potential.get_dim_aparam(), potential.has_default_fparam()) == (0, 0, False)
    assert (potential.get_descriptor_type(), potential.get_sel_type()) == ("se_e2_a", [0, 1])
    assert not (potential.has_efield or potential.has_spin or potential.has_hessian or potential.get_ntypes_spin())
    assert potential.get_model_def_script()["descriptor"]["rcut"] == 3.0
    size = potential.get_model_size()
    assert size["total"] == size["descriptor"] + size["fitting-net"] == 272
    assert potential.get_model().type_map == ("O", "H")
    parametrised = DeepPot(path_of("parameters"))
    assert (parametrised.get_dim_fparam(), parametrised.get_dim_aparam()) == (2, 1)
    assert DeepPot(path_of("types_excluded")).get_sel_type() == [0]


def test_all_formats_of_a_model_agree(potential: DeepPot, place: Place, tmp_path) -> None:
    from deepaw.potential.files.formats import write_potential

    for name in ("a.safetensors", "a.yaml", "a.dp"):
        write_potential(tmp_path / name, potential.get_model())
        same = answers(DeepPot(tmp_path / name), place)
        for value, expected in zip(same, answers(potential, place), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_a_model_in_memory(potential: DeepPot, place: Place) -> None:
    again = DeepPot(potential.get_model())
    np.testing.assert_array_equal(answers(again, place)[1], answers(potential, place)[1])


def test_an_isolated_atom_has_an_energy_and_no_force(potential: DeepPot) -> None:
    for cell in (None, 30 * np.eye(3)):
        energy, force, virial = potential.eval([[0.1, 0.2, 0.3]], cell, [1])
        assert np.isfinite(energy).all() and energy[0, 0] != 0
        assert not force.any() and not virial.any()


def test_atoms_may_lie_outside_the_cell(potential: DeepPot, place: Place) -> None:
    moved = place.coord + np.array([[3, 0, 0], [0, -7, 0], [0, 0, 0], [1, 1, 1], [0, 0, 40], [-2, 0, 5]]) @ place.cell
    values = potential.eval(moved, place.cell, place.atype)
    for value, expected in zip(values, answers(potential, place), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("precision", ["float64", "float32", "exact"])
def test_atoms_far_too_near_are_warned_about_once(precision: str) -> None:
    potential = DeepPot(path_of("one_side"), precision)
    for distance in (0.3, 0.26):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = potential.eval([[0, 0, 0], [0, 0, distance]], None, [0, 1])
        assert all(np.isfinite(value).all() for value in values)
    for number, distance in enumerate((0.1, 0.01)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values = potential.eval([[0, 0, 0], [0, 0, distance], [1, 0, 0]], None, [0, 1, 1])
        assert all(np.isfinite(value).all() for value in values)
        assert [str(each.message).partition(";")[0] for each in caught] == ["atoms 1 and 2 are 0.1 A apart"][number:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"atom_types": [0, 1, 0, 1, 0, 2]}, "atom 6 has the type 2; the model knows 0 (O), 1 (H)."),
        ({"atom_types": [0, 1, 0, 1, 0, -1]}, "atom 6 has the type -1"),
        ({"atom_types": [0, 1, 0, 1, 0, 0.5]}, "atom 6 has the type 0.5"),
        ({"atom_types": [], "coords": []}, "There are no atoms"),
        ({"atom_types": [-1] * 6, "mixed_type": True}, "The structure has no atoms"),
        ({"atom_types": [[[0]]]}, "atype has the shape (1, 1, 1)"),
        ({"atom_types": ["O"] * 6}, "atype should be an array of real numbers"),
        (
            {"atom_types": [0, 1, 0, 1]},
            "coord has the shape (6, 3); for the 4 atoms of atype it should be (nframes, 12).",
        ),
        ({"atom_types": np.zeros((3, 6))}, "atype has rows for 3 frames and coord has 1"),
        ({"coords": [[0.0, 0, 0], [0, 0]]}, "coord should be an array of real numbers, with rows of one length."),
        ({"coords": np.full((6, 3), np.nan)}, "The structure has a number that is not finite"),
        ({"coords": np.arange(18) * 1e4}, "The structure has a coordinate of 1.7e+05 A, beyond 10000."),
        ({"coords": np.zeros((6, 3))}, "are on one spot"),
        ({"cells": np.zeros((3, 3))}, "The structure has a cell of zero volume."),
        ({"cells": [[3.0, 0, 0], [0, 3, 0], [3, 3, 0]]}, "a cell of zero volume"),
        ({"cells": np.diag([4, 4, 0.01])}, "a cell only 0.01 A high"),
        ({"cells": np.diag([4, 4, np.inf])}, "not finite"),
        ({"cells": np.diag([4, 4, 1e6])}, "a cell vector of 1e+06 A"),
        ({"cells": [4.0, 4.0, 4.0]}, "cell has the shape (3,); for 1 frame it should be (1, 9)."),
        ({"fparam": [1.0]}, "fparam is given, but the model takes none; leave it out."),
    ],
)
def test_one_sentence_for_what_is_wrong(potential: DeepPot, place: Place, change: dict, said: str) -> None:
    arguments = {"coords": place.coord, "cells": place.cell, "atom_types": place.atype} | change
    with pytest.raises(InputError) as caught:
        potential.eval(**arguments)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_the_frame_that_is_wrong_is_named(potential: DeepPot, place: Place) -> None:
    coord, cell = np.stack([place.coord] * 3), np.stack([place.cell] * 3)
    cell[1, 0, 0] = np.nan
    with pytest.raises(InputError, match="Frame 2 of 3 has a number that is not finite"):
        potential.eval(coord, cell, place.atype)
    cell[1], coord[2, 4] = place.cell, coord[2, 1] + place.cell[0]
    with pytest.raises(InputError, match="frame 3: atoms 2 and 5 are on one spot"):
        potential.eval(coord, cell, place.atype)
    with pytest.raises(InputError, match="frame 3: atoms 2 and 5 are on one spot"):
        potential.eval_descriptor(coord, cell, place.atype)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"aparam": [0.0]}, "fparam is missing; the model needs 2 for each frame."),
        ({"fparam": [0.0, 0.0]}, "aparam is missing; the model needs 1 for each atom."),
        ({"fparam": [0.0], "aparam": [0.0]}, r"fparam has the shape \(1,\); it should be \(1, 2\), 2 for each frame."),
        ({"fparam": [0.0, 0.0], "aparam": [0.0] * 4}, r"aparam has the shape \(4,\); it should be \(1, 6, 1\)"),
        ({"fparam": [0.0, np.nan], "aparam": [0.0]}, "fparam holds a number that is not finite"),
    ],
)
def test_parameters_that_are_wrong(given: dict, said: str) -> None:
    potential, place = DeepPot(path_of("parameters")), places("parameters")["pbc"]
    with pytest.raises(InputError, match=said):
        potential.eval(place.coord, place.cell, place.atype, **given)


def test_a_precision_that_is_none() -> None:
    with pytest.raises(InputError, match="there is no precision 'half'; it should be exact, float64 or float32"):
        DeepPot(path_of("one_side"), "half")


def test_nothing_is_left_of_gradients(potential: DeepPot, place: Place) -> None:
    with torch.enable_grad():
        answers(potential, place)
    assert all(parameter.grad is None for parameter in potential.get_model().parameters())
