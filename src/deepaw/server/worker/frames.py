"""Energies of frames, for several requests at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.evaluation.frames import VIRTUAL, Frames, read_frames
from deepaw.potential.exact import Evaluation
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.typemap import type_indices
from deepaw.server.scheduler.interface import OutOfMemoryError
from deepaw.server.worker.memory import Halving
from deepaw.server.worker.threads import SMALL_ATOMS, one_thread

MOST_ATOMS = 2_000
"""Of small frames that are joined: as many as keep the engine busy."""


@dataclass(frozen=True)
class Request:
    """Frames that were asked for together, and the real atoms of each."""

    frames: Frames
    pbc: tuple[bool, bool, bool]
    atomic: bool

    def frame(self, index: int) -> Frame:
        return self.frames.frame(index, self.pbc)


def evaluate_requests(
    engine: PotentialEngine, requests: Sequence[Mapping[str, Any]], halving: Halving
) -> list[dict[str, Any] | Exception]:
    """For each request its arrays as in `PotentialAnswer` and the seconds `elapsed`, or what is wrong with it.

    requests: as `read_request` takes them.
    """
    answers: list[dict[str, Any] | Exception] = []
    read: list[Request | None] = []
    for request in requests:
        try:
            read.append(read_request(engine.model, request))
            answers.append({})
        except InputError as error:
            read.append(None)
            answers.append(error)
    sound = [index for index, request in enumerate(read) if request is not None]
    if not sound:
        return answers
    try:
        for index, answer in zip(sound, _evaluate(engine, [r for r in read if r is not None], halving), strict=True):
            answers[index] = answer
    except (InputError, OutOfMemoryError) as error:
        if len(sound) == 1:
            answers[sound[0]] = error
        else:  # whose fault it is shows when each is alone
            for index in sound:
                answers[index] = evaluate_requests(engine, [requests[index]], halving)[0]
    return answers


def read_request(model: AtomicModel, request: Mapping[str, Any]) -> Request:
    """request: the fields of `FramesWork` that hold arrays, `pbc` and `atomic`. Raises InputError: as `read_frames`."""
    types = request["types"]
    if types is None:
        symbols = [chemical_symbols[number] for number in request["numbers"].tolist()]
        types = np.array(type_indices(symbols, model.type_map))
    frames = read_frames(
        model,
        request["coord"],
        request["cell"],
        types,
        request["fparam"],
        request["aparam"],
        mixed_type=True,
    )
    x, y, z = (bool(along) for along in request["pbc"])
    return Request(frames, (x, y, z), bool(request["atomic"]))


def _evaluate(engine: PotentialEngine, requests: Sequence[Request], halving: Halving) -> list[dict[str, Any]]:
    start = time.perf_counter()
    frames = [request.frame(index) for request in requests for index in range(len(request.frames))]
    atomic = any(request.atomic for request in requests)

    def evaluate(part: Sequence[Frame]) -> list[Evaluation]:
        if len(part) > 1:
            return engine.evaluate_frames(part, atomic_virial=atomic)
        return [engine.evaluate(part[0], atomic_virial=atomic)]

    found: list[Evaluation] = []
    for group in _groups([len(frame.types) for frame in frames]):
        part = frames[group]
        with one_thread(sum(len(frame.types) for frame in part) < SMALL_ATOMS):
            found += halving.map(evaluate, part, lambda frame: len(frame.types))
    share = (time.perf_counter() - start) / max(1, sum(len(frame.types) for frame in frames))
    answers, first = [], 0
    for request in requests:
        own = found[first : first + len(request.frames)]
        first += len(own)
        answers.append(_answer(request, own) | {"elapsed": share * request.frames.types.size})
    return answers


def _groups(sizes: Sequence[int]) -> list[slice]:
    """Frames that follow one another, joined up to `MOST_ATOMS`; at least one in each."""
    groups, first, atoms = [], 0, 0
    for index, size in enumerate(sizes):
        if index > first and atoms + size > MOST_ATOMS:
            groups.append(slice(first, index))
            first, atoms = index, 0
        atoms += size
    return [*groups, slice(first, len(sizes))]


def _answer(request: Request, found: Sequence[Evaluation]) -> dict[str, Any]:
    nframes, natoms = request.frames.types.shape
    answer: dict[str, Any] = {
        "energy": np.array([float(each.energy) for each in found]),
        "force": np.zeros((nframes, natoms, 3)),
        "virial": np.stack([each.virial.numpy() for each in found]),
        "atom_energy": np.zeros((nframes, natoms)) if request.atomic else None,
        "atom_virial": np.zeros((nframes, natoms, 3, 3)) if request.atomic else None,
    }
    for index, each in enumerate(found):
        real = request.frames.types[index] != VIRTUAL
        answer["force"][index, real] = each.force.numpy()
        if request.atomic and each.atom_virial is not None:
            answer["atom_energy"][index, real] = each.atom_energy.numpy()
            answer["atom_virial"][index, real] = each.atom_virial.numpy()
    return answer
