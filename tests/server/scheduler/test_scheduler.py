"""The scheduler on the real engines, with workers in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw import InferenceEngine
from deepaw.density.occupancies.predicted import occupancies_of_message, predicted_occupancies
from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.modelsource import file_hash
from deepaw.server.scheduler.frames import PotentialAnswer, PotentialWork
from deepaw.server.scheduler.interface import (
    DensityAnswer,
    DensityWork,
    JobCancelledError,
    NotReadyError,
    QueueFullError,
    UnknownHandleError,
    UnknownModelError,
)
from deepaw.server.scheduler.queue import QueueLimits
from deepaw.server.scheduler.scheduler import TileScheduler
from deepaw.server.worker.inprocess import InProcessWorker
from server.models import cluster, magnesia, structure_of, write_potential

SHAPE = (24, 22, 20)

Test = Callable[[TileScheduler], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_potential(tmp_path_factory.mktemp("models") / "water.safetensors")


def lasting() -> DensityWork:
    """Work of several seconds: symmetry would make it short."""
    atoms = magnesia()
    atoms.rattle(0.05, seed=1)
    return DensityWork(structure_of(atoms), (160, 160, 160))


@asynccontextmanager
async def running(potential: Path, **options: Any) -> AsyncIterator[TileScheduler]:
    scheduler = TileScheduler([InProcessWorker()], {"fast": "fast", "water": str(potential)}, **options)
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop(0.0)


@pytest.fixture
def run(potential: Path) -> Callable[..., None]:
    """Runs a coroutine function with a scheduler."""

    def run(test: Test, **options: Any) -> None:
        async def whole() -> None:
            async with running(potential, **options) as scheduler:
                await asyncio.wait_for(test(scheduler), 60)

        asyncio.run(whole())

    return run


def test_a_batch_size_of_one_joins_nothing(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        jobs = [scheduler.submit(cluster(seed=seed), f"client {seed}") for seed in range(5)]
        for job in jobs:
            await job.result()
        state = scheduler.state()
        assert state.batches["frames"] == state.batched["frames"] == 5

    run(test, batch_size=1)


def test_a_grid_is_that_of_the_engine(run: Callable[..., None]) -> None:
    atoms = magnesia()
    expected = InferenceEngine("fast").predict(atoms, SHAPE)

    async def test(scheduler: TileScheduler) -> None:
        answer = await scheduler.submit(DensityWork(structure_of(atoms), SHAPE), "me").result()
        assert isinstance(answer, DensityAnswer) and answer.values is not None
        np.testing.assert_allclose(answer.values, expected.density_3d, rtol=1e-6)
        assert answer.scale == pytest.approx(expected.scale)
        assert answer.electrons_exact == expected.electrons_exact
        assert answer.points_evaluated == expected.points_evaluated
        assert answer.model == scheduler.models()[0].hash == file_hash(Path(scheduler.models()[0].path))

    run(test)


def test_occupancies_come_with_a_grid_that_asks_for_them(run: Callable[..., None]) -> None:
    engine, atoms = InferenceEngine("fast"), magnesia()
    atoms.set_cell(0.8 * atoms.cell.array, scale_atoms=True)
    assert engine.model.occupancies is not None
    expected = predicted_occupancies(list(atoms.symbols), engine.occupancies(atoms), engine.model.occupancies)

    async def test(scheduler: TileScheduler) -> None:
        work = DensityWork(structure_of(atoms), (8, 8, 8), occupancies=True)
        answer = await scheduler.submit(work, "me").result()
        assert isinstance(answer, DensityAnswer) and answer.occupancies is not None
        assert occupancies_of_message(tuple(atoms.symbols), dict(answer.occupancies)) == expected
        assert any("Mg-O" in fact and "apart" in fact for fact in answer.outside_training)
        plain = await scheduler.submit(DensityWork(structure_of(magnesia()), (8, 8, 8)), "me").result()
        assert isinstance(plain, DensityAnswer) and plain.occupancies is None
        assert list(plain.outside_training) == []

    run(test)


def test_raw_grids_are_not_scaled(run: Callable[..., None]) -> None:
    expected = InferenceEngine("fast").predict(magnesia(), (8, 8, 8), raw=True)

    async def test(scheduler: TileScheduler) -> None:
        answer = await scheduler.submit(DensityWork(structure_of(magnesia()), (8, 8, 8), raw=True), "me").result()
        assert isinstance(answer, DensityAnswer) and answer.values is not None and answer.scale == 1.0
        np.testing.assert_allclose(answer.values, expected.density_3d, rtol=1e-6)

    run(test)


def test_tiles_of_a_stream_are_the_grid_in_order(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepaw.server.worker.grids.SLAB_POINTS", 5 * 22 * 20)
    expected = InferenceEngine("fast").predict(magnesia(), SHAPE)

    async def test(scheduler: TileScheduler) -> None:
        job = scheduler.submit(DensityWork(structure_of(magnesia()), SHAPE, stream=True), "me")
        offset, parts = 0, []
        async for tile in job.tiles():
            assert tile.offset == offset
            offset += len(tile.values)
            parts.append(tile.values.copy())
            await asyncio.sleep(0.02)
        assert len(parts) == 5
        answer = await job.result()
        assert isinstance(answer, DensityAnswer) and answer.values is None
        whole = np.concatenate(parts).reshape(SHAPE) * answer.scale
        np.testing.assert_allclose(whole, expected.density_3d, rtol=1e-5)

    run(test)


def test_a_stream_waits_for_whoever_takes_it(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepaw.server.worker.grids.SLAB_POINTS", 22 * 20)

    async def test(scheduler: TileScheduler) -> None:
        job = scheduler.submit(DensityWork(structure_of(magnesia()), SHAPE, stream=True), "me")
        other = scheduler.submit(DensityWork(structure_of(magnesia()), (20, 20, 20)), "other")
        await other.result()
        await asyncio.sleep(0.3)
        done, total = job.progress
        assert 0 < done <= 3 * 22 * 20 < total
        job.cancel()

    run(test)


def test_points_are_those_of_the_engine(run: Callable[..., None]) -> None:
    atoms, other = magnesia(), magnesia(1.03)
    points = np.random.default_rng(0).random((700, 3)) * 6
    engine = InferenceEngine("fast")

    async def test(scheduler: TileScheduler) -> None:
        handle = scheduler.keep(structure_of(atoms))
        works = [DensityWork(handle, points=points[k : k + 100]) for k in range(0, 700, 100)]
        works.append(DensityWork(structure_of(other), points=points))
        jobs = [scheduler.submit(work, f"client {k % 3}") for k, work in enumerate(works)]
        for work, job in zip(works, jobs, strict=True):
            answer = await job.result()
            assert isinstance(answer, DensityAnswer) and answer.values is not None and work.points is not None
            expected = engine.predict_at(other if work is works[-1] else atoms, work.points)
            np.testing.assert_allclose(answer.values, expected, rtol=1e-4, atol=1e-5)

    run(test)


def test_frames_are_those_of_the_engine(run: Callable[..., None], potential: Path) -> None:
    works = [cluster(natoms, natoms, atomic=natoms % 2 == 0) for natoms in range(3, 9)]
    both = cluster(5, 1)
    assert both.cell is not None and both.types is not None
    pair = PotentialWork(np.tile(both.coord, (2, 1, 1)), np.tile(both.cell, (2, 1, 1)), both.types)
    pot = DeepPot(potential)

    async def test(scheduler: TileScheduler) -> None:
        jobs = [scheduler.submit(work, f"client {k % 2}") for k, work in enumerate([*works, pair])]
        for work, job in zip([*works, pair], jobs, strict=True):
            answer = await job.result()
            assert isinstance(answer, PotentialAnswer)
            energy, force, virial = pot.eval(work.coord, work.cell, work.types)[:3]
            np.testing.assert_allclose(answer.energy, energy[:, 0], rtol=1e-10)
            np.testing.assert_allclose(answer.force, force, atol=1e-10)
            np.testing.assert_allclose(answer.virial.reshape(-1, 9), virial, atol=1e-10)
            assert (answer.atom_energy is not None) == work.atomic
            if answer.atom_energy is not None:
                np.testing.assert_allclose(answer.atom_energy.sum(1), answer.energy)
        state = scheduler.state()
        assert state.batches["frames"] < state.batched["frames"] == 7
        assert state.served == {"done": 7}

    run(test)


def test_atomic_numbers_stand_for_types(run: Callable[..., None]) -> None:
    work = cluster(6, 2)
    assert work.types is not None
    by_number = PotentialWork(work.coord, work.cell, numbers=np.array([8, 1])[work.types])

    async def test(scheduler: TileScheduler) -> None:
        first, second = [await scheduler.submit(each, "me").result() for each in (work, by_number)]
        assert isinstance(first, PotentialAnswer) and isinstance(second, PotentialAnswer)
        np.testing.assert_allclose(first.energy, second.energy)

    run(test)


def test_frames_are_cut_into_pieces(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, potential: Path) -> None:
    monkeypatch.setattr("deepaw.server.scheduler.tasks.PIECE_ATOMS", 12)
    frames = [cluster(5, seed) for seed in range(7)]
    types = np.stack([frame.types for frame in frames if frame.types is not None])
    cells = np.concatenate([frame.cell for frame in frames if frame.cell is not None])
    work = PotentialWork(np.concatenate([frame.coord for frame in frames]), cells, types)

    async def test(scheduler: TileScheduler) -> None:
        answer = await scheduler.submit(work, "me").result()
        assert isinstance(answer, PotentialAnswer)
        expected = DeepPot(potential).eval(work.coord, work.cell, types)
        np.testing.assert_allclose(answer.energy, expected[0][:, 0], rtol=1e-10)
        assert scheduler.state().batches["frames"] == 4

    run(test)


def test_a_small_request_does_not_wait_for_a_grid(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        grid = scheduler.submit(lasting(), "me")
        while grid.progress[0] == 0:
            await asyncio.sleep(0.01)
        for client in ("me", "other"):
            before = grid.progress[0]
            await scheduler.submit(cluster(), client).result()
            assert grid.state == "running"
            # what was begun, and perhaps a turn of the grid
            assert grid.progress[0] - before < 160**3 / 3
        grid.cancel()

    run(test)


def test_what_is_wrong_with_one_request_harms_no_other(run: Callable[..., None]) -> None:
    on_one_spot = PotentialWork(np.zeros((1, 2, 3)), None, np.array([0, 1]))
    unknown = PotentialWork(np.eye(3)[None], None, numbers=np.array([8, 8, 92]))
    sound = cluster()

    async def test(scheduler: TileScheduler) -> None:
        jobs = [scheduler.submit(work, "me") for work in (sound, on_one_spot, unknown, sound)]
        with pytest.raises(InputError, match="on one spot"):
            await jobs[1].result()
        with pytest.raises(InputError, match="U"):
            await jobs[2].result()
        first, last = await jobs[0].result(), await jobs[3].result()
        assert isinstance(first, PotentialAnswer) and isinstance(last, PotentialAnswer)
        np.testing.assert_allclose(first.energy, last.energy)
        assert jobs[1].state == "failed" and scheduler.state().served == {"done": 2, "failed": 2}

    run(test)


def test_structures_that_the_model_does_not_know(run: Callable[..., None]) -> None:
    atoms = magnesia()
    atoms.numbers[3] = 92

    async def test(scheduler: TileScheduler) -> None:
        for work in (
            DensityWork(structure_of(atoms), SHAPE),
            DensityWork(structure_of(atoms), points=np.zeros((1, 3))),
        ):
            with pytest.raises(InputError, match="never seen U"):
                await scheduler.submit(work, "me").result()

    run(test)


def test_cancelling(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        work = lasting()
        running, waiting = scheduler.submit(work, "me"), scheduler.submit(work, "me")
        while running.progress[0] == 0:
            await asyncio.sleep(0.01)
        for job in (running, waiting):
            job.cancel()
            with pytest.raises(JobCancelledError):
                await job.result()
            assert job.state == "cancelled"
        await asyncio.wait_for(scheduler.submit(cluster(), "me").result(), 5)
        assert scheduler.state().queued == scheduler.state().running == 0

    run(test)


def test_a_full_queue(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        work = DensityWork(structure_of(magnesia()), (40, 40, 40))
        jobs = [scheduler.submit(work, "me") for _ in range(2)]
        with pytest.raises(QueueFullError, match="2 requests") as full:
            scheduler.submit(cluster(), "me")
        assert 1 <= full.value.retry_after <= 60
        for job in jobs:
            job.cancel()
        await asyncio.sleep(0)
        await scheduler.submit(cluster(), "me").result()

    run(test, limits=QueueLimits(requests=2))


def test_a_queue_full_of_points(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        large = scheduler.submit(DensityWork(structure_of(magnesia()), (40, 40, 40)), "me")
        with pytest.raises(QueueFullError, match="64000 of at most 50000 points"):
            scheduler.submit(DensityWork(structure_of(magnesia()), (10, 10, 10)), "other")
        await scheduler.submit(cluster(), "other").result()
        large.cancel()

    run(test, limits=QueueLimits(points=50_000))


def test_names_of_models_and_handles(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        points = np.zeros((1, 3))
        with pytest.raises(UnknownHandleError, match="'nothing'"):
            scheduler.submit(DensityWork("nothing", points=points), "me")
        with pytest.raises(UnknownModelError, match="it has fast, water"):
            scheduler.submit(DensityWork(structure_of(magnesia()), points=points, model="slow"), "me")
        with pytest.raises(UnknownModelError, match="'water' is of kind potential"):
            scheduler.submit(DensityWork(structure_of(magnesia()), points=points, model="water"), "me")

    run(test)


def test_handles_are_given_up_for_others(run: Callable[..., None]) -> None:
    async def test(scheduler: TileScheduler) -> None:
        first, second, third = (structure_of(magnesia(strain)) for strain in (1.0, 1.01, 1.02))
        handles = [scheduler.keep(first), scheduler.keep(second)]
        assert scheduler.keep(first) == handles[0]
        scheduler.keep(third)
        with pytest.raises(UnknownHandleError):
            scheduler.submit(DensityWork(handles[1], points=np.zeros((1, 3))), "me")
        await scheduler.submit(DensityWork(handles[0], points=np.zeros((1, 3))), "me").result()

    run(test, structure_bytes=2 * structure_of(magnesia()).nbytes)


def test_work_ends_on_the_model_that_it_began_on(run: Callable[..., None], tmp_path: Path) -> None:
    old_pot = None
    new = write_potential(tmp_path / "new.safetensors", seed=2)

    async def test(scheduler: TileScheduler) -> None:
        nonlocal old_pot
        old = next(model for model in scheduler.models() if model.name == "water")
        frames = PotentialWork(np.repeat(cluster().coord, 400, axis=0), None, cluster().types)
        before = scheduler.submit(frames, "me")
        info = await scheduler.update_model("water", str(new))
        after = scheduler.submit(frames, "me")
        assert info.hash == file_hash(new) != old.hash and info in scheduler.models()
        for job, path in ((before, old.path), (after, new)):
            answer = await job.result()
            assert isinstance(answer, PotentialAnswer)
            assert answer.model == file_hash(Path(path))
            expected = DeepPot(path).eval(cluster().coord, None, cluster().types)[0].item()
            np.testing.assert_allclose(answer.energy, expected, rtol=1e-10)

    run(test)


def test_the_old_model_stays_where_the_new_one_is_none(run: Callable[..., None], tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")

    async def test(scheduler: TileScheduler) -> None:
        before = scheduler.models()
        with pytest.raises(InputError, match="broken"):
            await scheduler.update_model("water", str(broken))
        assert scheduler.models() == before
        await scheduler.submit(cluster(), "me").result()

    run(test)


def test_stopping_finishes_what_there_is_time_for(potential: Path) -> None:
    async def test() -> None:
        async with running(potential) as scheduler:
            short = scheduler.submit(cluster(), "me")
            await scheduler.stop(5)
            assert short.state == "done"
            with pytest.raises(NotReadyError):
                scheduler.submit(cluster(), "me")
        async with running(potential) as scheduler:
            long = scheduler.submit(lasting(), "me")
            await scheduler.stop(0.1)
            with pytest.raises(JobCancelledError):
                await long.result()

    asyncio.run(test())
