"""Worker processes that end, and a scheduler that goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.server.scheduler.frames import PotentialAnswer
from deepaw.server.scheduler.interface import DensityWork, UnknownModelError, WorkerLostError
from deepaw.server.scheduler.scheduler import TileScheduler
from deepaw.server.worker.interface import WorkerConfig
from deepaw.server.worker.process import ProcessWorker
from server.models import cluster, magnesia, structure_of, write_potential

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors are handed to other processes")

PATIENCE = 240
"""Seconds: more than two starts of a worker take on a machine that is busy with something else."""


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[TileScheduler]:
    scheduler = TileScheduler([ProcessWorker(WorkerConfig(threads=1))], {"fast": "fast", "water": str(path)})
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop(0.0)


async def recovered(scheduler: TileScheduler) -> None:
    while scheduler.state().restarts == 0 or scheduler.state().state != "running":
        await asyncio.sleep(0.05)


def kill(scheduler: TileScheduler) -> None:
    os.kill(scheduler.state().worker_pids[0], signal.SIGKILL)


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")
    expected = DeepPot(path).eval(cluster().coord, cluster().cell, cluster().types)[0].item()

    async def test() -> None:
        async with running(path) as scheduler:
            pid = scheduler.state().worker_pids[0]
            grid = scheduler.submit(DensityWork(structure_of(magnesia()), (300, 300, 300)), "me")
            while grid.progress[0] == 0:
                await asyncio.sleep(0.01)
            kill(scheduler)
            waiting = scheduler.submit(cluster(), "other")
            with pytest.raises(WorkerLostError):
                await grid.result()
            answer = await waiting.result()
            assert isinstance(answer, PotentialAnswer)
            np.testing.assert_allclose(answer.energy, expected)
            state = scheduler.state()
            assert state.restarts == 1 and state.worker_pids[0] != pid
            assert state.served == {"failed": 1, "done": 1}

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


@pytest.mark.slow
def test_one_that_ends_between_requests_is_not_noticed(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")

    async def test() -> None:
        async with running(path) as scheduler:
            kill(scheduler)
            await recovered(scheduler)
            await scheduler.submit(cluster(), "me").result()
            assert scheduler.state().served == {"done": 1}

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


@pytest.mark.slow
def test_what_did_not_reach_a_worker_is_given_to_the_next(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")
    works = [cluster(), DensityWork(structure_of(magnesia()), (8, 8, 8))]

    async def test() -> None:
        async with running(path) as scheduler:
            for restarts, work in enumerate(works, 1):
                pid = scheduler.state().worker_pids[0]
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # the scheduler has not had a chance to notice
                await scheduler.submit(work, "me").result()
                assert scheduler.state().restarts == restarts
            assert scheduler.state().served == {"done": len(works)}

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


@pytest.mark.slow
def test_a_file_that_has_changed_is_not_served_as_the_model_that_it_was(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")

    async def test() -> None:
        async with running(path) as scheduler:
            write_potential(path, seed=2)
            kill(scheduler)
            await recovered(scheduler)
            with pytest.raises(UnknownModelError):
                scheduler.submit(cluster(), "me")
            info = await scheduler.update_model("water", str(path))
            assert (await scheduler.submit(cluster(), "me").result()).model == info.hash

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_the_process_ends_with_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        worker = ProcessWorker(WorkerConfig(threads=1))
        await worker.start()
        process = worker._process
        assert process is not None and process.poll() is None
        worker._disconnect()
        for _ in range(100):
            if process.poll() is not None:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it goes on")

    asyncio.run(test())


def test_a_device_that_is_not_there() -> None:
    async def test() -> None:
        with pytest.raises(InputError, match="tpu"):
            await ProcessWorker(WorkerConfig(device="tpu")).start()

    asyncio.run(test())


def test_large_answers_come_through_shared_memory(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")

    async def test() -> None:
        async with running(path) as scheduler:
            work = DensityWork(structure_of(magnesia()), (48, 48, 48))
            first, second = [await scheduler.submit(work, "me").result() for _ in range(2)]
            assert first.values.nbytes > 2**18 and first.values.shape == (48, 48, 48)  # type: ignore[union-attr]
            np.testing.assert_array_equal(first.values, second.values)  # type: ignore[union-attr]

    asyncio.run(asyncio.wait_for(test(), PATIENCE))
