"""Calculation of one structure of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Bohr
from numpy.typing import NDArray

from deepaw.gpaw.converge import electron_count
from deepaw.gpaw.data.settings import DataSettings
from deepaw.gpaw.environment import gpaw_errors
from deepaw.gpaw.initial import default_dft
from deepaw.gpaw.structures import NamedStructure

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Labels:
    """Results of a structure.

    frame: with `name`, `prototype`, `kpts`, `nelectrons` in its info, and energy, free_energy, forces and stress.
    density: with compensation charges, e/A^3 on GPAW's grid. occupancies: D (ni, ni) of each atom, summed over spins.
    setups: arrays of each element's PAW setup, by symbol.
    """

    frame: Atoms
    density: NDArray[np.float32]
    occupancies: list[NDArray[np.float32]]
    setups: dict[str, Arrays]


def calculate(settings: DataSettings, structure: NamedStructure) -> Labels:
    """Converge GPAW and return all that training uses. Raises InputError where GPAW refuses or does not converge."""
    from gpaw.densities import Densities

    parameters = settings.parameters(structure.atoms)
    dft = default_dft(structure.atoms, parameters, name=structure.name)
    free_atoms = {atom: D_sii.sum(0) for atom, D_sii in dft.density.D_asii.items()}
    setups = {setup.symbol: _setup_arrays(setup, free_atoms[atom], settings) for atom, setup in enumerate(dft.setups)}
    with gpaw_errors(structure.name):
        dft.converge()
        calculator = dft.ase_calculator()
        energies = {key: calculator.get_property(key, structure.atoms) for key in ("energy", "free_energy")}
        forces = calculator.get_forces(structure.atoms)
        stress = calculator.get_stress(structure.atoms)
    spins = dft.density.ndensities
    density = Densities.from_calculation(dft).pseudo_densities(grid_refinement=1)
    frame = Atoms(
        structure.atoms.symbols, structure.atoms.positions, cell=structure.atoms.cell, pbc=structure.atoms.pbc
    )
    frame.info = {
        **{key: structure.atoms.info[key] for key in ("name", "prototype") if key in structure.atoms.info},
        "kpts": np.array(parameters["kpts"]["size"]),
        "nelectrons": round(electron_count(dft), 6),
    }
    frame.calc = SinglePointCalculator(frame, **energies, forces=forces, stress=stress)
    return Labels(
        frame,
        density.data[:spins].sum(0).astype(np.float32),
        [dft.density.D_asii[atom][:spins].sum(0).astype(np.float32) for atom in range(len(frame))],
        setups,
    )


def _setup_arrays(setup: Any, free_atom: NDArray, settings: DataSettings) -> Arrays:
    from gpaw.utilities import pack_density

    return {
        "n_j": np.array(setup.n_j),
        "l_j": np.array(setup.l_j),
        "D0_packed": pack_density(free_atom)[None],
        "Delta_pL": np.array(setup.Delta_pL),
        "Delta0": np.array(setup.Delta0),
        "Nv": np.array(setup.Nv),
        "fingerprint": np.array(setup.fingerprint),
        "cutoff": np.array(settings.cutoff),
        "xc": np.array(settings.xc),
        **_shape_radius(setup),
    }


def _shape_radius(setup: Any) -> Arrays:
    """Radius (A) of the shapes of compensation charges, where they are Gaussians."""
    shape = setup.data.shape_function
    return {"radius": np.array(shape["rc"] * Bohr)} if shape["type"] == "gauss" else {}
