"""Many clients with mixed work while models are swapped: nothing lost, mixed or wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from deepaw import InferenceEngine
from deepaw.infer import DeepPot
from deepaw.modelsource import file_hash
from deepaw.server.scheduler.frames import PotentialAnswer
from deepaw.server.scheduler.interface import DensityAnswer, DensityWork
from deepaw.server.scheduler.scheduler import TileScheduler
from deepaw.server.worker.interface import WorkerConfig
from deepaw.server.worker.process import ProcessWorker
from server.models import cluster, magnesia, structure_of, write_potential

CLIENTS, SWAPS, SHAPE = 16, 8, (12, 11, 10)


@pytest.mark.slow
def test_answers_are_those_of_the_model_that_they_name(tmp_path: Path) -> None:
    paths = [write_potential(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2, 3)]
    works = [cluster(natoms, natoms) for natoms in range(3, 8)]
    energies = {
        file_hash(path): [DeepPot(path).eval(work.coord, work.cell, work.types)[0].item() for work in works]
        for path in paths
    }
    points = np.random.default_rng(0).random((200, 3)) * 4
    engine = InferenceEngine("fast")
    grid = engine.predict(magnesia(), SHAPE).density_3d
    at_points = engine.predict_at(magnesia(), points)
    seen: set[str] = set()

    async def client(scheduler: TileScheduler, number: int, stop: asyncio.Event) -> int:
        random = np.random.default_rng(number)
        structure, answers = structure_of(magnesia()), 0
        while not stop.is_set():
            kind = random.choice(["energy", "energy", "points", "grid"])
            if kind == "energy":
                which = int(random.integers(len(works)))
                answer = await scheduler.submit(works[which], str(number)).result()
                assert isinstance(answer, PotentialAnswer)
                np.testing.assert_allclose(answer.energy, energies[answer.model][which], rtol=1e-10)
                seen.add(answer.model)
            elif kind == "points":
                found = await scheduler.submit(DensityWork(structure, points=points), str(number)).result()
                assert isinstance(found, DensityAnswer) and found.values is not None
                np.testing.assert_allclose(found.values, at_points, rtol=1e-4, atol=1e-5)
            else:
                found = await scheduler.submit(DensityWork(structure, SHAPE), str(number)).result()
                assert isinstance(found, DensityAnswer) and found.values is not None
                np.testing.assert_allclose(found.values, grid, rtol=1e-4, atol=1e-5)
            answers += 1
        return answers

    async def test() -> None:
        worker = ProcessWorker(WorkerConfig(threads=1))
        scheduler = TileScheduler([worker], {"fast": "fast", "water": str(paths[0])})
        await scheduler.start()
        try:
            stop = asyncio.Event()
            clients = [asyncio.create_task(client(scheduler, number, stop)) for number in range(CLIENTS)]
            for swap in range(1, SWAPS + 1):
                await asyncio.sleep(0.1)
                info = await scheduler.update_model("water", str(paths[swap % len(paths)]))
                assert info.hash == file_hash(paths[swap % len(paths)])
            stop.set()
            answers = sum(await asyncio.gather(*clients))
            assert scheduler.state().served == {"done": answers}
            assert seen == set(energies)
            await asyncio.sleep(0.1)
            assert set(scheduler._models._jobs) <= {model.hash for model in scheduler.models()}
        finally:
            await scheduler.stop(0.0)

    asyncio.run(asyncio.wait_for(test(), 60))
