"""The structures under examples/ are what they say."""

from pathlib import Path

import numpy as np
import spglib

from deepaw.structure.read import read_structure

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_hafnia_is_baddeleyite():
    atoms = read_structure(EXAMPLES / "HfO2.vasp")
    assert atoms.get_chemical_formula() == "Hf4O8"
    crystal = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    assert spglib.get_spacegroup(crystal, symprec=1e-4) == "P2_1/c (14)"
    bonds = np.sort(atoms.get_all_distances(mic=True)[0, 4:])[:8]
    assert 2.0 < bonds[0] < bonds[6] < 2.3 < 3.5 < bonds[7]  # seven oxygen neighbours
