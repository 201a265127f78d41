"""Models by name, and which of them are still in use."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from deepaw.errors import InputError
from deepaw.server.scheduler.interface import ModelInfo, ModelKind, UnknownModelError
from deepaw.server.worker.interface import Worker


class ModelTable:
    """The models of all workers: which one a name stands for, and how many jobs each has, by hash."""

    def __init__(self) -> None:
        self._current: dict[str, ModelInfo] = {}
        self._jobs: Counter[str] = Counter()
        self._changing = asyncio.Lock()

    def list(self) -> list[ModelInfo]:
        """Those that names stand for."""
        return list(self._current.values())

    def find(self, name: str | None, kind: ModelKind) -> ModelInfo:
        """Of a name, or the first of a kind. Raises UnknownModelError."""
        if name is None:
            found = next((model for model in self._current.values() if model.kind == kind), None)
            if found is None:
                raise UnknownModelError(f"The server has no model of kind {kind}.")
            return found
        if name not in self._current:
            known = ", ".join(self._current) or "none"
            raise UnknownModelError(f"The server has no model {name!r}; it has {known}.")
        if self._current[name].kind != kind:
            raise UnknownModelError(
                f"The model {name!r} is of kind {self._current[name].kind}, and the request is for one of kind {kind}."
            )
        return self._current[name]

    async def load(self, workers: Sequence[Worker], name: str, path: str) -> ModelInfo:
        """By all workers, beside the one of that name, which it replaces at the end.

        Raises InputError: a worker cannot; the old one stays. WorkerLostError.
        """
        async with self._changing:
            replies = await asyncio.gather(
                *(worker.call("load", name=name, path=path) for worker in workers), return_exceptions=True
            )
            failed = next((reply for reply in replies if isinstance(reply, BaseException)), None)
            infos = [_info(reply) for reply in replies if not isinstance(reply, BaseException)]
            if failed is None and len({info.hash for info in infos}) > 1:
                failed = InputError(f"{path} changed while it was read; load it again when it is written.")
            if failed is not None:
                for info in infos:
                    await self._drop_unused(workers, info.hash)
                raise failed
            old, self._current[name] = self._current.get(name), infos[0]
            if old is not None:
                await self._drop_unused(workers, old.hash)
            return infos[0]

    async def reload(self, worker: Worker) -> None:
        """Into a worker that was started anew. A file that has changed since is not served any more."""
        async with self._changing:
            for name, info in list(self._current.items()):
                try:
                    found = _info(await worker.call("load", name=name, path=info.path))
                except InputError:
                    found = None
                if found is None or found.hash != info.hash:
                    del self._current[name]
                    if found is not None:
                        await worker.call("drop", model=found.hash)

    def is_current(self, hash: str) -> bool:
        """Whether a name stands for it."""
        return any(info.hash == hash for info in self._current.values())

    def begin(self, hash: str) -> None:
        """A job has been given to it."""
        self._jobs[hash] += 1

    def end(self, hash: str) -> bool:
        """A job of it has ended. Returns whether the model may be dropped: no name stands for it, no job needs it."""
        self._jobs[hash] -= 1
        return self._jobs[hash] <= 0 and not self.is_current(hash)

    async def drop(self, workers: Sequence[Worker], hash: str) -> None:
        """Unless it is needed again."""
        async with self._changing:
            await self._drop_unused(workers, hash)

    async def _drop_unused(self, workers: Sequence[Worker], hash: str) -> None:
        if self._jobs[hash] <= 0 and not self.is_current(hash):
            del self._jobs[hash]
            await asyncio.gather(*(worker.call("drop", model=hash) for worker in workers), return_exceptions=True)


def _info(reply: dict) -> ModelInfo:
    return ModelInfo(**{**reply, "elements": tuple(reply["elements"])})
