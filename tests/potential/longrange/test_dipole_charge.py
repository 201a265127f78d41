"""Charges on atoms and centroids: agreement with DeePMD-kit's modifier, and refusal of unsuitable models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.engine.frames import Frame
from deepaw.potential.files.formats import read_tensor
from deepaw.potential.longrange.config import DipoleChargeConfig
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.evaluation import LongRange
from potential.longrange.models import MODIFIER, charges, dipole_model

PEER = Path(__file__).parent / "peer" / "dipole_charge.npz"
MODEL = Path(__file__).parents[1] / "files" / "peer_tensors" / "dipole" / "model.dp"


@pytest.mark.parametrize(("precision", "limit"), [("exact", 1e-12), ("float64", 1e-8), ("float32", 1e-4)])
@pytest.mark.parametrize("place", ["pbc", "tric", "tiny"])
def test_agrees_with_deepmd_kit(place: str, precision: str, limit: float) -> None:
    """Energy, forces and virial agree; DeePMD-kit's modifier has beta and the spacing in float32."""
    with np.load(PEER, allow_pickle=False) as file:
        given = {key.split("/")[1]: file[key] for key in file.files if key.startswith(f"{place}/")}
    config = DipoleChargeConfig(
        type="dipole_charge",
        model_name="model.dp",
        model_charge_map=(-8.0, -1.0),
        sys_charge_map=(6.0, 2.0),
        ewald_beta=float(np.float32(0.5)),
        ewald_h=float(np.float32(0.8)),
    )
    dipole = read_tensor(MODEL, "dipole")
    found = LongRange(DipoleCharge(config, dipole, dipole.type_map), precision).evaluate(
        Frame(given["coord"], given["cell"], given["atype"])
    )
    for name in ("energy", "force", "virial"):
        expected = given[name]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=0, atol=limit * np.abs(expected).max())


def test_positions_of_centroids() -> None:
    coord = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 3, 0]], dtype=torch.float64)
    dipoles = torch.tensor([[0.1, 0, 0], [9, 9, 9], [9, 9, 9], [0, 0, -0.2]], dtype=torch.float64)
    places, amounts = charges().sites(coord, torch.tensor([0, 1, 1, 0]), dipoles)
    assert places[4:].tolist() == [[0.1, 0, 0], [0, 3, -0.2]]
    assert amounts.tolist() == [6.0, 1.0, 1.0, 6.0, -8.0, -8.0]


def test_charges_follow_the_order_of_sel_type() -> None:
    config = DipoleChargeConfig.model_validate(MODIFIER | {"model_charge_map": [-1.0, -8.0]})
    found = DipoleCharge(config, dipole_model(sel_type=[1, 0]), ("O", "H"))
    assert found.centroid_charge.tolist() == [-8.0, -1.0]


@pytest.mark.parametrize(
    ("changes", "fitting", "types", "message"),
    [
        ({"model_charge_map": [-8.0, 1.0]}, {}, ("O", "H"), "model_charge_map has 2 entries; it should have 1"),
        (
            {"sys_charge_map": [6.0]},
            {},
            ("O", "H"),
            "sys_charge_map has 1 entries; it should have 2, one for each type",
        ),
        ({}, {}, ("H", "O"), r"dipole\.safetensors has the types O, H; .* those of the potential, H, O"),
        ({}, {"numb_fparam": 1}, ("O", "H"), r"dipole\.safetensors takes fparam or aparam"),
        ({}, {"type": "polar"}, ("O", "H"), r"is a model of type polar; modifier\.model_name needs one of dipoles"),
    ],
)
def test_unsuitable_models_and_charges_are_refused(
    changes: dict[str, Any], fitting: dict[str, Any], types: tuple[str, ...], message: str
) -> None:
    config = DipoleChargeConfig.model_validate(MODIFIER | changes)
    with pytest.raises(InputError, match=message):
        DipoleCharge(config, dipole_model(**fitting), types)
