from collections.abc import Iterator

import numpy as np
import pytest
import torch
from ase.build import bulk

from deepaw import InferenceEngine
from deepaw.density.engine.interruptible import GridEvaluation
from deepaw.density.engine.prepared import PreparedStructure
from density.physics import rattled_crystal

SHAPE = (13, 12, 11)


@pytest.fixture(params=[1, 3])
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def engine() -> InferenceEngine:
    return InferenceEngine("fast")


@pytest.fixture(scope="module")
def prepared(engine: InferenceEngine) -> PreparedStructure:
    return engine.prepare(rattled_crystal())


@pytest.mark.usefixtures("_threads")
def test_a_grid_in_many_pieces_is_the_grid(prepared: PreparedStructure) -> None:
    evaluation = GridEvaluation(prepared, SHAPE)
    done = []
    while evaluation.done < evaluation.total:
        evaluation.run(lambda: False)
        done.append(evaluation.done)
    assert len(set(done)) == len(done) > 1
    np.testing.assert_allclose(evaluation.values().reshape(SHAPE), prepared.grid(SHAPE), rtol=1e-5, atol=1e-5)


def test_rows_of_a_grid_are_those_of_the_grid(prepared: PreparedStructure) -> None:
    evaluation = GridEvaluation(prepared, SHAPE, slice(4, 9))
    evaluation.run()
    np.testing.assert_allclose(evaluation.values().reshape(5, 12, 11), prepared.grid(SHAPE)[4:9], rtol=1e-5, atol=1e-5)


def test_pieces_of_a_symmetric_grid(engine: InferenceEngine) -> None:
    prepared = engine.prepare(bulk("MgO", "rocksalt", a=4.21, cubic=True))
    evaluation = GridEvaluation(prepared, (16, 16, 16))
    assert evaluation.total < 16**3 / 40
    while evaluation.done < evaluation.total:
        evaluation.run(lambda: False)
    np.testing.assert_allclose(
        evaluation.values().reshape(16, 16, 16), prepared.grid((16, 16, 16)), rtol=1e-5, atol=1e-5
    )
