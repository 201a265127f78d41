"""Deterministic where threads could race, and as before afterwards."""

import pytest
import torch

from deepaw.optimisation.determinism import deterministic


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def threads(one_thread):
    torch.set_num_threads(2)


def test_only_in_the_block(threads):
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="stop"), deterministic(torch.device("cpu")):
        assert torch.are_deterministic_algorithms_enabled()
        raise ValueError("stop")
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_gradients_of_gathered_rows(threads):
    rows = torch.randn(20, 64, requires_grad=True)
    index = torch.randint(20, (20_000,))
    weight = torch.randn(20_000, 64)
    with deterministic(torch.device("cpu")):
        gradients = [torch.autograd.grad((rows[index] * weight).sum(), rows)[0] for _ in range(5)]
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)


def test_nothing_to_race_against():
    with deterministic(torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(torch.device("cuda")):
        assert not torch.are_deterministic_algorithms_enabled()
