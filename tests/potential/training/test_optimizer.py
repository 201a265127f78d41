"""First steps of the optimisers."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from deepaw.potential.training.optimizer import OptimizerInput


def steps(gradients: list[float], **keys: object) -> list[float]:
    weight = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = TypeAdapter(OptimizerInput).validate_python(keys).make([weight])
    places = []
    for gradient in gradients:
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        places.append(weight.item())
    return places


def test_the_first_step_of_adam_is_the_rate():
    assert steps([3.0]) == pytest.approx([1.9])
    assert steps([3.0], type="AdamW", weight_decay=0.0) == pytest.approx([1.9])


def test_decay_within_the_gradient_or_beside_it():
    assert steps([0.0], weight_decay=0.5) == pytest.approx([1.9])
    assert steps([0.0], type="AdamW", weight_decay=0.5) == pytest.approx([2 - 0.1 * 0.5 * 2])


def test_memory():
    first, second = steps([1.0, -1.0], adam_beta1=0.0)
    assert (first, second) == pytest.approx((1.9, 2.0))


def test_others_are_refused():
    with pytest.raises(ValidationError, match="LKF"):
        TypeAdapter(OptimizerInput).validate_python({"type": "LKF"})
