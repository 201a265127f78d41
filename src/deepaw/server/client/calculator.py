"""A potential on a server as a calculator of ASE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from deepaw.server.client.client import DeePAWClient


class DeePAWCalculator(Calculator):
    """energy, free_energy (the same), forces and, where the cell has a volume, stress.

    client: of the server; None for the one in ~/.deepaw. model: the name of one of several potentials. Parameters that
    the model takes are read from `atoms.info`, as `deepaw.ase.DeepPotCalculator` does.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, client: DeePAWClient | None = None, model: str | None = None) -> None:
        super().__init__()
        self._client = client or DeePAWClient()
        self._model = model

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """All properties at once, whichever are asked for; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms if atoms is None else atoms
        assert atoms is not None  # ASE sees to it
        periodic = bool(atoms.pbc.any())
        given: dict[str, Any] = {name: atoms.info[name] for name in ("fparam", "aparam") if name in atoms.info}
        energy, force, virial = self._client.eval(
            atoms.positions,
            atoms.cell.array * atoms.pbc[:, None] if periodic else None,
            numbers=atoms.numbers,
            pbc=[bool(one) for one in atoms.pbc],
            model=self._model,
            **given,
        )
        value = float(energy[0, 0])
        self.results = {"energy": value, "free_energy": value, "forces": force[0]}
        if periodic and atoms.cell.rank == 3:
            of_cell = virial.reshape(3, 3)
            self.results["stress"] = full_3x3_to_voigt_6_stress(-0.5 * (of_cell + of_cell.T) / atoms.get_volume())
