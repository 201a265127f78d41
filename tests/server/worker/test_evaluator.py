from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.density.engine import PreparedStructure
from deepaw.errors import InputError
from deepaw.modelsource import file_hash
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.server.scheduler.interface import OutOfMemoryError
from deepaw.server.worker.evaluator import Evaluator
from deepaw.server.worker.interface import WorkerConfig
from server.models import cluster, magnesia, structure_of, write_potential


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_potential(tmp_path_factory.mktemp("models") / "water.safetensors")


@pytest.fixture
def evaluator() -> Evaluator:
    return Evaluator(WorkerConfig())


def point_set(strain: float = 1.0, npoints: int = 40) -> dict[str, Any]:
    structure = structure_of(magnesia(strain))
    fields = {name: getattr(structure, name) for name in ("numbers", "positions", "cell", "pbc")}
    return {"structure": fields, "points": np.random.default_rng(1).random((npoints, 3)) * 4}


def request() -> dict[str, Any]:
    work = asdict(cluster())
    return {name: work[name] for name in ("coord", "cell", "types", "numbers", "pbc", "atomic", "fparam", "aparam")}


def test_what_it_says_of_models(evaluator: Evaluator, potential: Path) -> None:
    density, energy = evaluator.load("fast", "fast"), evaluator.load("water", str(potential))
    assert density["kind"] == "density" and "Hf" in density["elements"] and density["cutoff"] == 4.0
    assert energy["kind"] == "potential" and energy["elements"] == ("O", "H") and energy["cutoff"] == 3.4
    assert energy["hash"] == file_hash(potential)


def test_models_that_give_no_numbers(evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_potential(tmp_path / "nan.safetensors")
    whole = PotentialEngine.evaluate

    def broken(*args: Any, **options: Any) -> Any:
        found = whole(*args, **options)
        found.force.fill_(torch.nan)
        return found

    monkeypatch.setattr(PotentialEngine, "evaluate", broken)
    with pytest.raises(InputError, match="not finite"):
        evaluator.load("nan", str(path))


def test_folders_and_missing_files(evaluator: Evaluator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        evaluator.load("folder", str(tmp_path))
    with pytest.raises(InputError, match="no model"):
        evaluator.load("nothing", str(tmp_path / "nothing"))


def test_atom_parts_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = Evaluator(WorkerConfig(prepared_bytes=1))
    model = evaluator.load("fast", "fast")["hash"]
    made: list[PreparedStructure] = []
    whole = PreparedStructure.__init__

    def counted(self: PreparedStructure, *args: Any) -> None:
        made.append(self)
        whole(self, *args)

    monkeypatch.setattr(PreparedStructure, "__init__", counted)
    for strain in (1.0, 1.0, 1.01, 1.0):
        evaluator.points(model, [point_set(strain)])
    assert len(made) == 3
    assert evaluator.usage()["prepared"] == made[-1].nbytes > 0
    evaluator.drop(model)
    assert evaluator.usage()["prepared"] == 0


def test_points_that_do_not_fit_are_divided(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = evaluator.load("fast", "fast")["hash"]
    monkeypatch.setattr("deepaw.server.worker.points.PIECE", 10)
    expected = evaluator.points(model, [point_set()])["answers"][0]["values"]
    whole = PreparedStructure.at

    def small(self: PreparedStructure, points: Any) -> Any:
        if len(points) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, points)

    monkeypatch.setattr(PreparedStructure, "at", small)
    found = evaluator.points(model, [point_set()])["answers"][0]["values"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert evaluator.usage()["halvings"] > 0


def test_frames_that_do_not_fit_are_divided(
    evaluator: Evaluator, potential: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = evaluator.load("water", str(potential))["hash"]
    expected = evaluator.frames(model, [request()] * 5)["answers"]
    whole = PotentialEngine.evaluate_frames

    def small(self: PotentialEngine, frames: Any, **options: Any) -> Any:
        if len(frames) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, frames, **options)

    monkeypatch.setattr(PotentialEngine, "evaluate_frames", small)
    found = evaluator.frames(model, [request()] * 5)["answers"]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one["force"], other["force"], atol=1e-12)
    assert evaluator.usage()["halvings"] == 1


def test_a_grid_that_does_not_fit(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = evaluator.load("fast", "fast")["hash"]

    def never(*args: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("deepaw.density.engine.multipoles.MultipoleEvaluator.evaluate", never)
    structure = point_set()["structure"]
    with pytest.raises(OutOfMemoryError, match="stream"):
        evaluator.grid(lambda: True, "job", model, structure, [8, 8, 8], False, False, False, 1.0)
    assert not evaluator._grids


def test_models_of_the_wrong_kind(evaluator: Evaluator, potential: Path) -> None:
    density, energy = evaluator.load("fast", "fast")["hash"], evaluator.load("water", str(potential))["hash"]
    with pytest.raises(InputError, match="no energies"):
        evaluator.frames(density, [request()])
    with pytest.raises(InputError, match="no density"):
        evaluator.points(energy, [point_set()])
