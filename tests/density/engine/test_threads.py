from collections.abc import Iterator

import pytest
import torch

from deepaw.density.engine.threads import map_in_threads


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order(threads: int) -> None:
    assert list(map_in_threads(lambda x: x * x, range(50))) == [x * x for x in range(50)]
    assert torch.get_num_threads() == threads


def test_only_a_few_items_are_taken_ahead(threads: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for x in range(1000):
            taken.append(x)
            yield x

    results = map_in_threads(lambda x: x, items())
    next(results)
    assert len(taken) <= 4 * threads + 1
    results.close()  # type: ignore[attr-defined]
    assert torch.get_num_threads() == threads


def test_errors_reach_the_caller(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda x: 1 // x, [2, 1, 0, 1]))
    assert torch.get_num_threads() == threads
