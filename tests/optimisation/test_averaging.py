"""Averages of weights against their formula."""

import torch

from deepaw.optimisation.averaging import AveragedWeights


def test_averages():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    averages = AveragedWeights([weight], 0.4)
    expected = weight.detach().clone()
    for step in range(12):
        with torch.no_grad():
            weight.copy_(torch.tensor([float(step), 3.0 * step]))
        averages.update(step)
        decay = min(0.4, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * weight.detach()
        torch.testing.assert_close(averages.averages[0], expected)
    assert not averages.averages[0].requires_grad


def test_swap_twice_is_nothing():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    averages = AveragedWeights([weight], 0.9)
    with torch.no_grad():
        weight.fill_(5.0)
    averages.swap()
    assert (weight.item(), averages.averages[0].item()) == (1.0, 5.0)
    averages.swap()
    assert (weight.item(), averages.averages[0].item()) == (5.0, 1.0)
