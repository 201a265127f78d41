"""Joint evaluation of several frames equals their separate evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential.randommodels import random_model
from potential.structures import FPARAM, assert_agree, crowd

DESCRIPTOR = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [9, 10], "neuron": [4, 8], "axis_neuron": 3}


def model(**fitting: object) -> PotentialModel:
    keys = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {"neuron": [8, 8], **fitting}}
    return random_model(ModelConfig.model_validate(keys))


def frames(parameters: bool = False) -> list[Frame]:
    """Return frames of different sizes, with and without a cell."""
    structures = [
        crowd(2, natoms, seed, periodic) for natoms, seed, periodic in ((7, 0, True), (3, 1, False), (9, 2, True))
    ]
    return [
        Frame(
            structure.coord,
            structure.cell,
            structure.types,
            fparam=FPARAM if parameters else None,
            aparam=structure.aparam if parameters else None,
        )
        for structure in structures
    ]


@pytest.mark.parametrize("precision", ["float64", "float32", "exact"])
@pytest.mark.parametrize("parameters", [False, True])
def test_together_and_alone(precision: str, parameters: bool) -> None:
    engine = PotentialEngine(model(**({"numb_fparam": 2, "numb_aparam": 2} if parameters else {})), precision)
    limit = 1e-5 if precision == "float32" else 1e-11
    batch = frames(parameters)
    for frame, joint in zip(batch, engine.evaluate_frames(batch, atomic_virial=True), strict=True):
        single = engine.evaluate(frame, atomic_virial=True)
        assert joint.atom_virial is not None and single.atom_virial is not None
        for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
            assert_agree(getattr(joint, name), getattr(single, name), limit)


def test_virials_of_atoms_only_where_they_are_wanted() -> None:
    assert all(evaluation.atom_virial is None for evaluation in PotentialEngine(model()).evaluate_frames(frames()))


def test_atoms_on_one_spot_are_refused() -> None:
    broken = Frame(np.zeros((2, 3)), None, np.array([0, 1]))
    with pytest.raises(InputError, match="atoms 1 and 2 are on one spot"):
        PotentialEngine(model()).evaluate_frames([*frames(), broken])
