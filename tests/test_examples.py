"""The structures and inputs under examples/ are what they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib

from deepaw.potential.input import complete, read_potential_input
from deepaw.structure.read import read_structure

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_hafnia_is_baddeleyite():
    atoms = read_structure(EXAMPLES / "HfO2.vasp")
    assert atoms.get_chemical_formula() == "Hf4O8"
    crystal = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    assert spglib.get_spacegroup(crystal, symprec=1e-4) == "P2_1/c (14)"
    bonds = np.sort(atoms.get_all_distances(mic=True)[0, 4:])[:8]
    assert 2.0 < bonds[0] < bonds[6] < 2.3 < 3.5 < bonds[7]  # seven oxygen neighbours


@pytest.mark.parametrize(("name", "types"), [("water_se_e2_a.json", ("O", "H")), ("water_se_atten.json", ("O", "H")), ("methane_se_e2_a.json", ("H", "C"))])
def test_inputs_of_potentials_are_read_whole(name, types, recwarn):
    settings = read_potential_input(EXAMPLES / name)
    assert settings.model.type_map == types
    assert settings.training.validation_data is not None
    assert [str(warning.message) for warning in recwarn] == []  # of keys without effect
    given = json.loads((EXAMPLES / name).read_text())
    assert_holds(complete(settings), {key: value for key, value in given.items() if key != "_comment"})


def assert_holds(complete: dict[str, Any], given: dict[str, Any]) -> None:
    """What was understood has the values that were given."""
    for key, value in given.items():
        if isinstance(value, dict):
            assert_holds(complete[key], value)
        else:
            assert complete[key] == value, key
