"""What a worker can do, one order at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from threading import Lock
from time import perf_counter
from typing import Any

import torch

from deepaw.density.engine import InferenceEngine
from deepaw.density.engine.engine import find_device
from deepaw.errors import InputError
from deepaw.server.scheduler.interface import OutOfMemoryError, Structure
from deepaw.server.worker.failures import described
from deepaw.server.worker.grids import OpenGrid
from deepaw.server.worker.interface import WorkerConfig
from deepaw.server.worker.memory import Halving, device_bytes, is_out_of_memory, process_bytes
from deepaw.server.worker.models import LoadedModel, load_model
from deepaw.server.worker.points import PointSet, evaluate_points
from deepaw.server.worker.prepared import PreparedStructures


class Evaluator:
    """Models by hash, and the grids that have been begun.

    `load` and `drop` may be called while another thread is inside one of the other orders, which follow one another.
    Replies hold numbers, texts, lists, maps and arrays. Raises InputError: the device is not there.
    """

    def __init__(self, config: WorkerConfig) -> None:
        self._device = find_device(config.device)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self._config = config
        self._has_cuda = torch.cuda.is_available()
        self._models: dict[str, LoadedModel] = {}
        self._grids: dict[str, OpenGrid] = {}
        self._kept = PreparedStructures(config.prepared_bytes)
        self._halving = Halving(self._make_room)
        self._dropped: list[str] = []
        self._lock = Lock()

    def load(self, name: str, path: str) -> dict[str, Any]:
        """A file, or a bundled model, beside those there are: the fields of `ModelInfo`.

        Raises InputError: it is not a model, or gives no numbers. OutOfMemoryError.
        """
        try:
            loaded = load_model(name, path, self._config)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError("The device has not enough memory for this model beside the others.") from None
            raise
        with self._lock:
            self._models.setdefault(loaded.info.hash, loaded)
            if loaded.info.hash in self._dropped:
                self._dropped.remove(loaded.info.hash)
        return asdict(loaded.info)

    def drop(self, model: str) -> dict[str, Any]:
        """Forget a model, by its hash; its atom parts go with the next order."""
        with self._lock:
            if self._models.pop(model, None) is not None:
                self._dropped.append(model)
        return {}

    def grid(
        self,
        goes_on: Callable[[], bool],
        job: str,
        model: str,
        structure: Mapping[str, Any] | None,
        shape: Sequence[int],
        raw: bool,
        stream: bool,
        occupancies: bool,
        seconds: float,
    ) -> dict[str, Any]:
        """Go on with the grid of a job until there are values, `seconds` are over or `goes_on` says no.

        structure: the first time.

        `done` and `total`, points; `values` and their `offset`, of a slab that is done; `answer`, at the end.
        """
        start = perf_counter()
        if structure is not None:
            engine = self._density(model)
            prepared = self._kept.get(model, engine, Structure(**structure))
            nx, ny, nz = shape
            self._grids[job] = OpenGrid(engine, prepared, (nx, ny, nz), raw, stream, occupancies)
            self._grids[job].elapsed = perf_counter() - start
        try:
            reply = self._grids[job].advance(lambda: goes_on() and perf_counter() < start + seconds)
        except (MemoryError, RuntimeError) as error:
            self._grids.pop(job, None)
            if not is_out_of_memory(error):
                raise
            self._halving.count += 1
            self._make_room()
            raise OutOfMemoryError("The device has not enough memory for this grid; ask for it as a stream.") from None
        if reply["answer"] is not None:
            del self._grids[job]
        return reply

    def close(self, job: str) -> dict[str, Any]:
        """Forget the grid of a job."""
        self._grids.pop(job, None)
        return {}

    def points(self, model: str, sets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """sets: `structure` and `points` of each. `answers`: of each what `evaluate_points` says, or `described`."""
        engine = self._density(model)
        given = [PointSet(Structure(**each["structure"]), each["points"]) for each in sets]
        return _answers(evaluate_points(model, engine, given, self._kept, self._halving))

    def frames(self, model: str, requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`answers`: of each what `evaluate_requests` or `evaluate_tensors` says, or `described`."""
        loaded = self._models[model]
        if isinstance(loaded.engine, InferenceEngine):
            raise InputError(f"The model {loaded.info.name} is one of densities; it has no energies.")
        # these come with the engines of potentials
        from deepaw.potential.engine.engine import PotentialEngine
        from deepaw.server.worker.frames import evaluate_requests
        from deepaw.server.worker.tensors import evaluate_tensors

        if isinstance(loaded.engine, PotentialEngine):
            return _answers(evaluate_requests(loaded.engine, requests, self._halving))
        return _answers(evaluate_tensors(loaded.engine, requests, self._halving))

    def usage(self) -> dict[str, int]:
        """Bytes of the process and on the device, bytes of atom parts, how often something did not fit, and whether
        there is a CUDA device, used or not (1 or 0).
        """
        with self._lock:
            dropped, self._dropped = self._dropped, []
        for model in dropped:
            self._kept.forget(model)
        return {
            "memory": process_bytes(),
            "device": device_bytes(self._device),
            "prepared": self._kept.nbytes,
            "halvings": self._halving.count,
            "cuda": int(self._has_cuda),
        }

    def _density(self, model: str) -> InferenceEngine:
        loaded = self._models[model]
        if not isinstance(loaded.engine, InferenceEngine):
            raise InputError(f"The model {loaded.info.name} is of kind {loaded.info.kind}; it has no density.")
        return loaded.engine

    def _make_room(self) -> None:
        self._kept.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _answers(found: Sequence[dict[str, Any] | Exception]) -> dict[str, Any]:
    return {"answers": [described(each) if isinstance(each, Exception) else each for each in found]}
