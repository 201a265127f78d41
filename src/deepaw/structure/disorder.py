"""Sites that are not held by one whole atom: partial occupancies, which a density or a potential cannot stand for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from deepaw.errors import InputError
from deepaw.structure.checks import label

if TYPE_CHECKING:
    from ase.io.cif import CIFBlock

FULL = 0.995
"""Occupancies from this on are those of full sites; refined ones are rarely 1 to all digits."""

SAME_SITE = 1e-3
"""Fractional coordinates that differ by less are those of one site, as in ASE."""

RES_SITE = re.compile(r"(?P<label>[A-Za-z]{1,2}\d*)\s+\d+(?:\s+[-+.\d]+){3}\s+(?P<occupancy>\d*\.?\d+)(?:\s|$)")
"""Line of an atom in a SHELX file: label, number of the element, x, y, z, occupancy."""

PER_ATOM = {"proteindatabank": "occupancy", "prismatic": "occupancies", "mustem": "occupancies"}
"""Formats of ASE whose occupancies are an array over the atoms: its name."""


def check_cif_sites(block: CIFBlock, name: str) -> None:
    """Refuse a block of a CIF with a site that several species share, or that is partly empty.

    block: the sites before symmetry is applied, and before ASE drops all but one species of a site. Ions of one element
    that fill a site together (Fe2+, Fe3+) are one atom of it.

    Raises InputError, with the labels of the site and its occupancies.
    """
    from scipy.spatial import cKDTree  # takes longer to load than most structures to read

    sites = block.get_unsymmetrized_structure()
    symbols = list(sites.symbols)
    labels = block.get("_atom_site_label") or symbols
    occupancies = [_fraction(value) for value in block.get("_atom_site_occupancy") or [1] * len(symbols)]
    places = sites.cell.scaled_positions(sites.positions) if sites.cell.rank == 3 else sites.positions
    for first, entries in enumerate(cKDTree(places).query_ball_point(places, SAME_SITE, return_sorted=True)):
        species: dict[str, float] = defaultdict(float)
        for index in entries:
            species[symbols[index]] += occupancies[index]
        where = ", ".join(f"{x + 0.0:g}" for x in places[first].round(4))
        _check_site(species, f"{name}: site {'/'.join(str(labels[index]) for index in entries)} at ({where})")


def check_res_sites(lines: Iterable[str], name: str) -> None:
    """Refuse a SHELX file, of which ASE does not read the occupancies, with one of less than 1.

    SHELX adds 10 to an occupancy that is to stay as it is in a refinement. Raises InputError, with the line.
    """
    for number, line in enumerate(lines, start=1):
        if (site := RES_SITE.match(line)) and (species := site["label"].rstrip("0123456789")) in atomic_numbers:
            _check_site({species: float(site["occupancy"]) % 10}, f"{name}, line {number}: site {site['label']}")


def check_occupied(atoms: Atoms, name: str, form: str) -> None:
    """Refuse a structure whose file says, in the format `form` of ASE, that an atom is only partly there.

    Read are `atoms.info["occupancy"]`, {kind of site: {species: occupancy}}, as ASE makes it from CIFs and carries it
    into other files, and the occupancies of atoms in PDB and image simulation formats, where all zeros mean none.

    Raises InputError, with the atom and its occupancies.
    """
    by_kind = atoms.info.get("occupancy")
    if isinstance(by_kind, dict) and all(isinstance(species, dict) for species in by_kind.values()):
        kinds = atoms.arrays.get("spacegroup_kinds", np.arange(len(atoms)))
        for index, kind in enumerate(kinds):
            species = by_kind.get(str(kind), by_kind.get(kind))
            if species is not None:
                fractions = {symbol: _fraction(value) for symbol, value in species.items()}
                _check_site(fractions, f"{name}: {label(atoms, index)}")
    occupancies = atoms.arrays.get(PER_ATOM.get(form, ""))
    if occupancies is not None and np.any(occupancies):
        for index, occupancy in enumerate(occupancies):
            if occupancy is not None:  # as of lines of a PDB without one
                _check_site({atoms.symbols[index]: float(occupancy)}, f"{name}: {label(atoms, index)}")


def _fraction(value: object) -> float:
    """Return an occupancy as a number; those that a CIF leaves open, as . or ?, are 1."""
    return float(value) if isinstance(value, int | float) else 1.0


def _check_site(species: Mapping[str, float], where: str) -> None:
    total = sum(species.values())
    if len(species) == 1 and total >= FULL:
        return
    occupancies = [f"{symbol} {value:g}" for symbol, value in species.items()]
    if total < FULL:
        occupancies.append(f"vacancy {1 - total:g}")
    raise InputError(
        f"{where} has the occupancies {', '.join(occupancies)}; every site must hold one whole atom, so give an "
        "ordered structure, such as a supercell in which the atoms are distributed."
    )
