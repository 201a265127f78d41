"""`deepaw.infer.DeepDipole` and `DeepPolar`: answers in DeePMD-kit's shapes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepPolar, DeepPot
from potential.files.peer_models import path_of as energies
from potential.files.tensor_models import CASES, DERIVATIVES, path_of, places


def deep(case: str, precision: str = "float64") -> DeepDipole | DeepPolar:
    return (DeepDipole if case.startswith("dipole") else DeepPolar)(path_of(case), precision)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("precision", "limit"), [("exact", 1e-10), ("float64", 1e-8), ("float32", 1e-4)])
def test_the_answers_are_those_of_deepmd_kit(case: str, precision: str, limit: float) -> None:
    model = deep(case, precision)
    limit = max(limit, 3e-6) if case.endswith("single") else limit
    for place in places(case).values():
        given = place["coord"], place.get("cell"), place["atype"]
        beside = {name: place[name] for name in ("fparam", "aparam") if name in place}
        names = ("tensor", "force", "virial", "atom_tensor", "atom_virial")
        values = dict(zip(names, model.eval_full(*given, atomic=True, **beside), strict=True))
        values["by eval"] = model.eval(*given, **beside)
        values["of frame"] = model.eval(*given, atomic=False, **beside)
        values["descriptor"] = model.eval_descriptor(*given, **beside)
        n, natoms = len(place["tensor"]), len(place["atype"])
        assert values["force"].shape == (1, n, natoms, 3) and values["virial"].shape == (1, n, 9)
        assert values["atom_virial"].shape == (1, n, natoms, 9) and values["by eval"].shape == (1, natoms, n)
        answers = {"by eval": place["atom_tensor"], "of frame": place["tensor"], **place}
        for name, value in values.items():
            if name not in DERIVATIVES or n == 3:  # DeePMD-kit has no derivatives of polarizabilities
                off = np.abs(value[0] - answers[name]).max() / np.abs(answers[name]).max()
                assert off < limit, (name, off)


def test_several_frames_and_places_without_atoms() -> None:
    model, place = deep("dipole"), places("dipole")["tric"]
    coord = place["coord"] + np.random.default_rng(1).normal(0, 0.05, (3, *place["coord"].shape))
    cells = np.tile(place["cell"].reshape(1, 9), (3, 1))
    types = np.tile(place["atype"], (3, 1))
    types[1, 2] = -1
    tensor, force, virial, atom_tensor, atom_virial = model.eval_full(coord, cells, types, atomic=True, mixed_type=True)
    assert (atom_tensor[1, 2] == 0).all() and (force[1, :, 2] == 0).all() and (atom_virial[1, :, 2] == 0).all()
    for frame in range(3):
        real = types[frame] >= 0
        alone = model.eval_full(coord[frame][real], cells[:1], types[frame][real], atomic=True)
        several = (tensor[frame], force[frame][:, real], virial[frame], atom_tensor[frame][real],
                   atom_virial[frame][:, real])  # fmt: skip
        for one, other in zip(alone, several, strict=True):
            np.testing.assert_allclose(other, one[0], atol=1e-12 * np.abs(one).max())


def test_what_is_known_of_the_model() -> None:
    model = deep("dipole_selected")
    assert model.get_type_map() == ["O", "H"] and model.get_sel_type() == [0] and model.get_rcut() == 3.0
    assert (model.get_dim_fparam(), model.get_dim_aparam()) == (2, 1)
    assert deep("polar").get_sel_type() == [0, 1]


def test_models_of_something_else_are_refused() -> None:
    with pytest.raises(InputError, match="has a fitting net of type polar; dipole is needed here"):
        DeepDipole(path_of("polar"))
    with pytest.raises(InputError, match="has a fitting net of type ener; polar is needed here"):
        DeepPolar(energies("one_side"))
    with pytest.raises(InputError, match="has a fitting net of type dipole; polar is needed here"):
        DeepPolar(deep("dipole").get_model())
    with pytest.raises(InputError, match="fitting net of type dipole, which gives no energies and forces"):
        DeepPot(path_of("dipole"))
