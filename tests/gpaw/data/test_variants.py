"""Variants of crystals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from deepaw.errors import InputError
from deepaw.gpaw.data.variants import Variation, make_variants
from deepaw.gpaw.structures import NamedStructure

CRYSTALS = [NamedStructure("Si", bulk("Si", cubic=True)), NamedStructure("MgO", bulk("MgO", "rocksalt", a=4.2))]


def test_nothing_changes_by_default() -> None:
    for crystal, variant in zip(CRYSTALS, make_variants(CRYSTALS, Variation()), strict=True):
        assert variant.name == crystal.name and variant.atoms == crystal.atoms
        assert variant.atoms.info == {"name": crystal.name, "prototype": crystal.name}


def test_volumes_strains_and_displacements() -> None:
    variation = Variation((0.9, 1.1), strain=0.02, rattle=0.03, copies=3)
    variants = make_variants(CRYSTALS, variation)
    assert [variant.name for variant in variants[:4]] == ["Si_v0.9_1", "Si_v0.9_2", "Si_v0.9_3", "Si_v1.1_1"]
    assert len({variant.name for variant in variants}) == len(variants) == 12
    for variant in variants:
        crystal = CRYSTALS[0] if variant.name.startswith("Si") else CRYSTALS[1]
        ratio = float(variant.name.split("_v")[1].split("_")[0])
        assert variant.atoms.get_volume() == pytest.approx(ratio * crystal.atoms.get_volume())
        assert variant.atoms.info["prototype"] == crystal.name
        scaled = variant.atoms.get_scaled_positions(wrap=False) - crystal.atoms.get_scaled_positions(wrap=False)
        displacements = scaled @ variant.atoms.cell.array
        assert 0.003 < np.abs(displacements).max() < 0.15
    again = make_variants(CRYSTALS, variation)
    assert all((one.atoms.positions == other.atoms.positions).all() for one, other in zip(variants, again, strict=True))
    assert not np.allclose(variants[0].atoms.positions, variants[1].atoms.positions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"volumes": (1.0, 0.0)}, "--volumes has the ratio 0"),
        ({"strain": 0.5}, "--strain is 0.5; it must be from 0 to 0.3"),
        ({"rattle": -0.1}, "--rattle is -0.1 A"),
        ({"rattle": float("nan")}, "--rattle is nan A"),
        ({"copies": 0}, "--copies is 0"),
        ({"copies": 2}, "--copies 2 without --strain or --rattle"),
    ],
)
def test_variations_that_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Variation(**arguments)
