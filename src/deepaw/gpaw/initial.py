"""A GPAW calculation whose first density is a predicted one.

The steps are those of `gpaw.dft.Parameters.create_dft_calculation_components`. Between the superposition of atoms and
the first potential, density and density matrices are replaced, so that the first wave functions already see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from deepaw.errors import InputError
from deepaw.gpaw.assembly import check_occupancies, set_density
from deepaw.gpaw.environment import gpaw_errors, require_gpaw
from deepaw.gpaw.parameters import check_parameters
from deepaw.gpaw.sources import PredictedDensity, StartDensity

START_MIXER = {"name": "pulay", "beta": 0.25, "nmaxold": 8, "weight": 50.0}
"""Mixer of calculations that ask for none. GPAW's own, MSR1, takes steps of 5 %, which are for starts that are far off:
what is left of a predicted density's error then goes away slowly."""


def start(
    atoms: Atoms, model: str | Path | StartDensity = "fast", *, txt: str | Path | None = None, **parameters: Any
) -> Any:
    """Return a GPAW calculator of `atoms` that begins from a predicted density and predicted PAW occupancies.

    model: a bundled model's name, a model file, or a `StartDensity`. txt: GPAW's log file, "-" for standard output.
    parameters: keyword arguments of `gpaw.dft.GPAW`: any mode, any k points, spin-paired; `mixer` is `START_MIXER`
    unless it is given.

    Raises InputError: GPAW is missing, a model without occupancies, a setup, functional or element that the model was
    not trained on, a spin-polarised or charged calculation, anything that GPAW refuses.
    """
    require_gpaw()
    source = PredictedDensity(model) if isinstance(model, str | Path) else model
    return start_dft(atoms, source, parameters, txt).ase_calculator()


def start_dft(
    atoms: Atoms,
    source: StartDensity,
    parameters: Mapping[str, Any],
    txt: str | Path | None = None,
    name: str = "the structure",
) -> Any:
    """Return a `gpaw.new.calculation.DFT`, not yet converged, that begins from `source`; see `start`."""
    from gpaw.new.calculation import DFT
    from gpaw.new.logger import Logger
    from gpaw.utilities import check_atoms_too_close, check_atoms_too_close_to_boundary

    params = check_parameters({"mixer": START_MIXER, **parameters})
    log = Logger(txt, None)
    with gpaw_errors(name):
        check_atoms_too_close(atoms)
        check_atoms_too_close_to_boundary(atoms)
        builder = params.dft_component_builder(atoms, log=log, comm=log.comm)
    _check_supported(builder, name)
    source.trained.check(builder.setups, params)
    with gpaw_errors(name):
        basis = builder.create_basis_set()
        scf_loop = builder.create_scf_loop()
        pot_calc = builder.create_potential_calculator()
        density = builder.density_from_superposition(basis)
    nx, ny, nz = (int(size) for size in builder.grid.size)
    occupancies = check_occupancies(builder.setups, atoms, source.occupancies(atoms))
    set_density(density, builder.setups, builder.relpos_ac, source.total(atoms, (nx, ny, nz)), occupancies)
    with gpaw_errors(name):
        density.normalize(pot_calc.charge)
        density.symmetrize(builder.ibz.symmetries)
        potential, energies, _ = pot_calc.calculate_without_orbitals(density, kpt_band_comm=builder.communicators["D"])
        ibzwfs = builder.create_ibz_wave_functions(basis, potential)
        if next(iter(ibzwfs)).has_eigs:
            ibzwfs.calculate_occs(scf_loop.occ_calc, density.nvalence - density.charge + pot_calc.charge)
        log("Density and PAW occupancies at the start: given, not a superposition of atoms")
        return DFT.from_components(
            atoms,
            ibzwfs,
            density,
            potential,
            builder.setups,
            scf_loop,
            pot_calc,
            log,
            params,
            energies=energies,
            converge=False,
        )


def default_dft(
    atoms: Atoms, parameters: Mapping[str, Any], txt: str | Path | None = None, name: str = "the structure"
) -> Any:
    """Return a `gpaw.new.calculation.DFT`, not yet converged, that begins from GPAW's superposition of atoms."""
    from gpaw.new.calculation import DFT
    from gpaw.new.logger import Logger

    params = check_parameters(parameters)
    log = Logger(txt, None)
    with gpaw_errors(name):
        return DFT.from_parameters(atoms, params, log.comm, log, converge=False)


def _check_supported(builder: Any, name: str) -> None:
    if builder.ncomponents != 1:
        raise InputError(
            f"{name} is to be calculated spin-polarised; predicted starts are for spin-paired calculations, without "
            "spinpol, hund and magnetic moments."
        )
    if builder.params.charge:
        raise InputError(
            f"{name} is to be calculated with the charge {builder.params.charge:g}; predicted densities are of neutral "
            "cells."
        )
    if builder.log.comm.size > 1:
        raise InputError(
            "Starts from a predicted density are for GPAW without MPI processes; threads (OMP_NUM_THREADS) are used."
        )
    if builder.xp is not np:
        raise InputError("Starts from a predicted density are for GPAW on the CPU; leave parallel = {'gpu': true} out.")
