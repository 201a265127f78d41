"""Harris energies as a calculator of ASE.

from deepaw.gpaw import HarrisCalculator

atoms.calc = HarrisCalculator("model.safetensors", mode={"name": "pw", "ecut": 600}, kpts=(4, 4, 4))
atoms.get_potential_energy()
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from deepaw.gpaw.converge import run_at_fixed_density
from deepaw.gpaw.environment import require_gpaw
from deepaw.gpaw.initial import start_dft
from deepaw.gpaw.parameters import default_parameters
from deepaw.gpaw.sources import PredictedDensity, StartDensity


class HarrisCalculator(Calculator):
    """energy and free_energy of GPAW after one diagonalisation at the predicted density.

    There are no forces: those of a density that is not self-consistent are not the gradient of this energy.

    model: a bundled model's name, a model file, or a `StartDensity`. parameters: keyword arguments of `gpaw.dft.GPAW`;
    without `mode`, plane waves and k points by `deepaw.gpaw.parameters.default_parameters`.

    Raises InputError: as `deepaw.gpaw.start` does, some of it when the first energy is asked for.
    """

    implemented_properties = ["energy", "free_energy"]  # noqa: RUF012

    def __init__(self, model: str | Path | StartDensity = "fast", **parameters: Any) -> None:
        require_gpaw()
        super().__init__()
        self._source = PredictedDensity(model) if isinstance(model, str | Path) else model
        self._gpaw_parameters = parameters

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute both energies; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms if atoms is None else atoms
        assert atoms is not None  # ASE sees to it
        parameters = {**self._defaults(atoms), **self._gpaw_parameters}
        run = run_at_fixed_density(start_dft(atoms, self._source, parameters))
        self.results = {"energy": run.energy, "free_energy": run.free_energy}

    def _defaults(self, atoms: Atoms) -> dict[str, Any]:
        return {} if "mode" in self._gpaw_parameters else default_parameters(atoms, **self._source.trained.settings())
