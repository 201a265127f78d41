"""Labels and parameters that a training needs, and checks that its data have them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from deepaw.errors import InputError
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.system import System
from deepaw.potential.fitting.base import NetsConfig
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.neighbours.pairs import real_atoms
from deepaw.potential.training.labels import LABELS
from deepaw.potential.training.loss import EnergyLossInput, Term
from deepaw.potential.training.tensor_loss import TensorLossInput

_NEEDED: dict[Term, tuple[str, ...]] = {
    "e": ("energy",),
    "f": ("force",),
    "v": ("virial",),
    "ae": ("atom_energy",),
    "pf": ("force", "atom_pref"),
}


def needed_labels(loss: EnergyLossInput | TensorLossInput, fitting: NetsConfig) -> list[str]:
    """Return the labels of the terms of a loss for the quantity of a fitting net, keys of `LABELS`."""
    if isinstance(loss, TensorLossInput):
        assert isinstance(fitting, TensorConfig)
        return loss.labels(fitting.label)
    return list(dict.fromkeys(name for term in loss.terms for name in _NEEDED[term]))


def label_request(loss: EnergyLossInput | TensorLossInput, fitting: NetsConfig) -> LabelRequest:
    """Return the labels that a training reads: those of its loss, energies for those of types, and parameters."""
    names = {LABELS[name].data for name in needed_labels(loss, fitting)} | set(fitting.parameters)
    if isinstance(fitting, TensorConfig):
        return LabelRequest(frozenset(names), fitting.sel_type)
    return LabelRequest(frozenset(names | {"energy"}))


def check_labels(loss: EnergyLossInput | TensorLossInput, fitting: NetsConfig, systems: Sequence[System]) -> None:
    """Warn of labels that some systems lack; as in DeePMD-kit, their terms of the loss are 0.

    Raises InputError: no system has forces though the loss has them, no system has any label, or all prefactors are 0.
    """
    names = needed_labels(loss, fitting)
    if not names:
        raise InputError("all prefactors of the section loss are 0; nothing is left to minimise.")
    if "force" in names and not any("force" in system.labels for system in systems):
        systems[0].require("force")
    if not any(LABELS[name].data in system.labels for name in names for system in systems):
        systems[0].require(*(LABELS[name].data for name in names))
    for name in names:
        lacking = [system.name for system in systems if LABELS[name].data not in system.labels]
        if not lacking or (name == "atom_pref" and isinstance(loss, EnergyLossInput) and loss.use_default_pf):
            continue
        others = f" and {len(lacking) - 1} other systems" if len(lacking) > 1 else ""
        warnings.warn(
            f"there is no {LABELS[name].data}.npy in {lacking[0]}{others}; that part of the loss does not count there",
            stacklevel=2,
        )


def check_parameters(config: NetsConfig, systems: Sequence[System]) -> None:
    """Check that systems have the parameters of a model, and that aparam is a valid mask if it is one.

    Warns of systems with a mask that have cells. Raises InputError, with the name of the file: missing or wrong
    parameters.
    """
    for name, count in (("fparam", config.numb_fparam), ("aparam", config.numb_aparam)):
        for system in systems:
            if count == 0 or (name == "fparam" and name not in system.labels and config.default_fparam is not None):
                continue
            system.require(name)
            quantity = system.labels.quantities[name]
            if quantity.shape[-1] != count:
                raise InputError(
                    f"{quantity.paths[0]} has {quantity.shape[-1]} parameters for each "
                    f"{'frame' if name == 'fparam' else 'atom'}; model.fitting_net.numb_{name} is {count}."
                )
    if config.numb_aparam_inputs < config.numb_aparam:
        _check_masks(systems)


def _check_masks(systems: Sequence[System]) -> None:
    """Check the masks of all frames, and warn of cells."""
    for system in systems:
        mask = system.labels.quantities["aparam"]
        for start, rows in mask.blocks():
            for index, row in enumerate(rows, start=start):
                try:
                    real_atoms(row)
                except InputError as error:
                    raise InputError(f"{mask.where(index)}: {error}") from None
    if periodic := [system.name for system in systems if system.is_periodic]:
        others = f" and {len(periodic) - 1} other systems" if len(periodic) > 1 else ""
        warnings.warn(f"the cells of {periodic[0]}{others} are passed over; se_a_mask has none", stacklevel=2)
