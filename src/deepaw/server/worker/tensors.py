"""Dipoles and polarizabilities of frames, for several requests, one frame after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.deepeval import errors_with_frame
from deepaw.potential.evaluation.frames import VIRTUAL
from deepaw.potential.exact_tensors import TensorEvaluation
from deepaw.server.scheduler.interface import OutOfMemoryError
from deepaw.server.worker.frames import Request, read_request
from deepaw.server.worker.memory import Halving


def evaluate_tensors(
    engine: TensorEngine, requests: Sequence[Mapping[str, Any]], halving: Halving
) -> list[dict[str, Any] | Exception]:
    """For each request its arrays as in `TensorAnswer` and the seconds `elapsed`, or what is wrong with it.

    requests: as `read_request` takes them, with `derivatives`.
    """
    answers: list[dict[str, Any] | Exception] = []
    for request in requests:
        start = time.perf_counter()
        try:
            read = read_request(engine.model, request)
            answer = _arrays(engine, read, bool(request["derivatives"]), halving)
            answers.append(answer | {"elapsed": time.perf_counter() - start})
        except (InputError, OutOfMemoryError) as error:
            answers.append(error)
    return answers


def _arrays(engine: TensorEngine, request: Request, derivatives: bool, halving: Halving) -> dict[str, Any]:
    (nframes, natoms), size = request.frames.types.shape, prod(engine.model.shape)
    virials_of_atoms = derivatives and request.atomic
    atom_tensor = np.zeros((nframes, natoms, size))
    force = np.zeros((nframes, size, natoms, 3)) if derivatives else None
    virial = np.zeros((nframes, size, 3, 3)) if derivatives else None
    atom_virial = np.zeros((nframes, size, natoms, 3, 3)) if virials_of_atoms else None

    def evaluate(frames: Sequence[Frame]) -> list[TensorEvaluation]:
        return [_evaluation(engine, frame, derivatives, virials_of_atoms) for frame in frames]

    for index in range(nframes):
        real = request.frames.types[index] != VIRTUAL
        with errors_with_frame(index, nframes):
            (found,) = halving.map(evaluate, [request.frame(index)])
        atom_tensor[index, real] = found.atom_tensor.numpy().reshape(-1, size)
        if force is not None and virial is not None:
            force[index][:, real] = found.force.numpy()
            virial[index] = found.virial.numpy()
        if atom_virial is not None and found.atom_virial is not None:
            atom_virial[index][:, real] = found.atom_virial.numpy()
    return {
        "tensor": atom_tensor.sum(axis=1),
        "force": force,
        "virial": virial,
        "atom_tensor": atom_tensor if request.atomic else None,
        "atom_virial": atom_virial,
    }


def _evaluation(engine: TensorEngine, frame: Frame, derivatives: bool, atomic_virial: bool) -> TensorEvaluation:
    """derivatives: of each component of the sum over all atoms."""
    shape = engine.model.shape
    components = np.eye(prod(shape)).reshape(-1, 1, *shape)
    return engine.evaluate(
        frame,
        weights=np.broadcast_to(components, (len(components), len(frame.types), *shape)) if derivatives else None,
        atomic_virial=atomic_virial,
    )
