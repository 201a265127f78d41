"""Reference tensor models in `peer_tensors/` with results of DeePMD-kit (`peer_tensors/make_tensor_references.py`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from deepaw.potential.exact_tensors import evaluate_tensors_exactly
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.pairs import find_environment

PEER = Path(__file__).parent / "peer_tensors"
CASES = sorted(path.parent.name for path in PEER.glob("*/model.dp"))
DERIVATIVES = ("force", "virial", "atom_virial")


def path_of(case: str) -> Path:
    return PEER / case / "model.dp"


@cache
def places(case: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the structures of a case with reference results: pbc, tric, nopbc, tiny."""
    with np.load(PEER / case / "ref.npz", allow_pickle=False) as file:
        values = dict(file)
    names = dict.fromkeys(key.split("/")[0] for key in values)
    return {
        name: {key.split("/")[1]: value for key, value in values.items() if key.startswith(f"{name}/")}
        for name in names
    }


def components(shape: tuple[int, ...], natoms: int) -> torch.Tensor:
    """Return weights (n, natoms, *shape) of the sums that are the n components of a frame's tensor."""
    n = int(np.prod(shape))
    return torch.eye(n, dtype=torch.float64).view(n, 1, *shape).expand(n, natoms, *shape)


def exact_answers(model: TensorModel, place: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute the reference quantities by the exact evaluation, in the shapes of the file."""
    natoms = len(place["atype"])
    env = find_environment(place["coord"], place.get("cell"), place["atype"], model.rcut)
    fparam, aparam = (torch.from_numpy(place[name]) if name in place else None for name in ("fparam", "aparam"))
    found = evaluate_tensors_exactly(
        model, env, None if fparam is None else fparam.expand(natoms, -1), aparam, components(model.shape, natoms)
    )
    values = {
        "atom_tensor": found.atom_tensor,
        "tensor": found.atom_tensor.sum(0),
        "descriptor": model.descriptors(env).detach(),
        "force": found.force,
        "virial": found.virial,
        "atom_virial": found.atom_virial,
    }
    return {name: values[name].double().numpy().reshape(place[name].shape) for name in values if name in place}


def deviations(case: str, model: TensorModel) -> dict[str, float]:
    """Return the largest deviation of each quantity over all structures, relative to its largest reference value."""
    worst: dict[str, float] = {}
    largest: dict[str, float] = {}
    for place in places(case).values():
        for name, value in exact_answers(model, place).items():
            worst[name] = max(worst.get(name, 0.0), float(np.abs(value - place[name]).max()))
            largest[name] = max(largest.get(name, 0.0), float(np.abs(place[name]).max()))
    return {name: worst[name] / largest[name] for name in worst}
