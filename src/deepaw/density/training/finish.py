"""From the end of a training to the model that is kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deepaw import __version__
from deepaw.density.model.model import DensityModel
from deepaw.density.occupancies.errors import ElementError
from deepaw.density.training.config import DensityInput
from deepaw.density.training.objective import ExpansionObjective
from deepaw.density.training.report import mean
from deepaw.density.training.setup import Setup
from deepaw.density.training.validation import Validation


def occupancy_errors(setup: Setup) -> tuple[list[ElementError], list[ElementError]]:
    """Errors of the weights of the moment on the validation set and on the crystal types left out."""
    occupancies, objective = setup.occupancies, setup.objective
    if occupancies is None:
        return [], []
    assert isinstance(objective, ExpansionObjective)
    known, unseen = (
        occupancies.errors((example, objective.matrices(example.atoms)) for example in part)
        for part in (setup.split.validation, setup.split.left_out)
    )
    return known, unseen


def correct_occupancies(setup: Setup) -> None:
    """Correct the readout in closed form for the weights of the moment.

    Descent reaches features that carry over to new crystal types, but it fits the readout slowly.
    """
    assert setup.occupancies is not None and isinstance(setup.objective, ExpansionObjective)
    objective = setup.objective
    setup.occupancies.correct((example, objective.atom_features(example.atoms)) for example in setup.split.train)


def finished_model(
    settings: DensityInput,
    setup: Setup,
    baseline: Validation,
    densities: tuple[Validation, Validation],
    occupancies: tuple[Sequence[ElementError], Sequence[ElementError]],
    seconds: float,
) -> DensityModel:
    """A copy of the model with the weights of the moment, and how it was made.

    Args:
        settings, setup: of the training.
        baseline: the fitted atoms on the validation set.
        densities, occupancies: errors on the validation set, and on the crystal types left out.
        seconds: that the training took.
    """
    known, unseen = densities
    provenance: dict[str, Any] = {
        "software": f"deepaw {__version__}",
        "input": settings.model_dump(mode="json"),
        "structures": len(setup.split.train),
        "nmae_validation": mean(known.nmae) if len(known.nmae) else None,
        "nmae_left_out": mean(unseen.nmae) if len(unseen.nmae) else None,
        "nmae_fitted_atoms": mean(baseline.nmae) if len(baseline.nmae) else None,
        "hours": seconds / 3600,
    }
    kept = compensation = None
    if setup.occupancies is not None:
        provenance["occupancies_left_out"] = {error.symbol: error.error for error in occupancies[1]}
        kept = setup.occupancies.finished(copy.deepcopy(setup.occupancies.readout), occupancies[0])
        compensation = kept if setup.occupancies.charges is not None else None
    assert setup.model.coverage is not None
    worst = float(np.abs(known.electrons).max()) if len(known.electrons) else None
    return replace(
        setup.model,
        network=copy.deepcopy(setup.model.network),
        provenance=provenance,
        occupancies=kept,
        compensation=compensation,
        coverage=replace(setup.model.coverage, electrons=worst),
    )
