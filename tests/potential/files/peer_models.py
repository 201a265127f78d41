"""Reference models in `peer/` with results of DeePMD-kit (see `peer/make_references.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment

PEER = Path(__file__).parent / "peer"
CASES = sorted(path.parent.name for path in PEER.glob("*/model.dp"))
SINGLE = [name for name in CASES if name in ("single", "mixed_precision", "atten_single", "triples_single")]
"""Cases with networks in float32, for which backends of DeePMD-kit differ by some 1e-6."""
QUANTITIES = ("energy", "atom_energy", "force", "virial", "atom_virial", "descriptor")


def path_of(case: str) -> Path:
    return PEER / case / "model.dp"


@dataclass(frozen=True)
class Place:
    """One structure with reference results; cell, fparam and aparam may be None.

    fparam, aparam: (natoms, n).
    """

    coord: np.ndarray
    cell: np.ndarray | None
    atype: np.ndarray
    fparam: torch.Tensor | None
    aparam: torch.Tensor | None
    answers: dict[str, np.ndarray]

    def environment(self, rcut: float) -> Environment:
        return find_environment(self.coord, self.cell, self.atype, rcut)


@cache
def places(case: str) -> dict[str, Place]:
    """Return the structures of a case: pbc, tric, nopbc, tiny."""
    with np.load(PEER / case / "ref.npz", allow_pickle=False) as file:
        values = dict(file)
    result = {}
    for name in dict.fromkeys(key.split("/")[0] for key in values):
        arrays = {key.split("/")[1]: value for key, value in values.items() if key.startswith(f"{name}/")}
        fparam, aparam = arrays.get("fparam"), arrays.get("aparam")
        result[name] = Place(
            arrays["coord"],
            arrays.get("cell"),
            arrays["atype"],
            None if fparam is None else torch.from_numpy(fparam).expand(len(arrays["atype"]), -1),
            None if aparam is None else torch.from_numpy(aparam),
            {key: arrays[key] for key in QUANTITIES},
        )
    return result


def exact_answers(model: PotentialModel, place: Place) -> dict[str, np.ndarray]:
    """Compute the reference quantities by the exact evaluation."""
    env = place.environment(model.rcut)
    result = evaluate_exactly(model, env, place.fparam, place.aparam)
    values = {name: getattr(result, name) for name in QUANTITIES if name != "descriptor"}
    values["descriptor"] = model.descriptors(env).detach()
    return {name: value.double().numpy().reshape(place.answers[name].shape) for name, value in values.items()}


def deviations(case: str, model: PotentialModel) -> dict[str, float]:
    """Return the largest deviation of each quantity over all structures, relative to its largest reference value."""
    worst = dict.fromkeys(QUANTITIES, 0.0)
    largest = dict.fromkeys(QUANTITIES, 0.0)
    for place in places(case).values():
        for name, value in exact_answers(model, place).items():
            worst[name] = max(worst[name], float(np.abs(value - place.answers[name]).max()))
            largest[name] = max(largest[name], float(np.abs(place.answers[name]).max()))
    return {name: worst[name] / largest[name] for name in QUANTITIES}
