"""ASE calculator with the name, the arguments and the results of DeePMD-kit's.

from deepaw.calculator import DP

atoms.calc = DP(model="water.safetensors")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase import Atoms

from deepaw.ase import SKIN, DeepPotCalculator
from deepaw.errors import InputError
from deepaw.potential.exact import Evaluation
from deepaw.potential.model.energy import PotentialModel

__all__ = ["DP"]


class DP(DeepPotCalculator):
    """`DeepPotCalculator` with one property more, the virial (3, 3), eV, and with the arguments of DeePMD-kit's DP.

    model, type_dict, precision, skin, options: as for `DeepPotCalculator`. label: of ASE's Calculator. neighbor_list,
    head: None. nlist_backend: accepted for programs that were written for DeePMD-kit; there is one kind of list.

    Raises InputError: what `DeepPotCalculator` raises; another neighbor_list or head.
    """

    name = "DP"
    implemented_properties = [*DeepPotCalculator.implemented_properties, "virial"]  # noqa: RUF012

    def __init__(
        self,
        model: str | Path | PotentialModel,
        label: str = "DP",
        type_dict: Mapping[str, int] | None = None,
        neighbor_list: None = None,
        head: None = None,
        nlist_backend: str = "auto",
        *,
        precision: str = "float64",
        skin: float = SKIN,
        **options: Any,
    ) -> None:
        if neighbor_list is not None or head is not None:
            name = "neighbor_list" if neighbor_list is not None else "head"
            raise InputError(
                f"{name} is given to DP, which has neither neighbour lists nor heads to choose; leave it out."
            )
        super().__init__(model, precision=precision, skin=skin, type_dict=type_dict or None, label=label, **options)

    def _store(self, evaluation: Evaluation, atoms: Atoms) -> None:
        super()._store(evaluation, atoms)
        self.results["virial"] = evaluation.virial.numpy().reshape(3, 3)
