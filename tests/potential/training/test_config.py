"""Input section `training`."""

import pytest
from pydantic import ValidationError

from deepaw.potential.training.config import TrainingInput

DATA = {"training_data": {"systems": "water"}}


def test_defaults_are_those_of_deepmd():
    training = TrainingInput.model_validate({**DATA, "numb_steps": 10})
    shown = training.model_dump(mode="json", exclude={"training_data"})
    assert shown == {
        "validation_data": None,
        "numb_steps": 10,
        "num_epoch": None,
        "seed": None,
        "disp_file": "lcurve.out",
        "disp_freq": 1000,
        "save_freq": 1000,
        "save_ckpt": "model.ckpt",
        "max_ckpt_keep": 5,
        "mixed_precision": None,
        "change_bias_after_training": False,
        "gradient_max_norm": 0.0,
        "enable_ema": False,
        "ema_decay": 0.999,
        "ema_ckpt_keep": None,
    }
    assert TrainingInput.model_validate({**DATA, "num_epoch": 0.5}).numb_steps is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "numb_steps is missing; give it, or num_epoch"),
        ({"numb_steps": 1, "num_epoch": 1.0}, "numb_steps and num_epoch are both given"),
        ({"numb_steps": 1, "disp_freq": 0}, "greater than or equal to 1"),
        ({"numb_steps": 1, "ema_decay": 1.0}, "less than 1"),
        ({"numb_steps": 1, "mixed_precision": {"output_prec": "float64"}}, "float32"),
    ],
)
def test_wrong_values(keys, message):
    with pytest.raises(ValidationError, match=message):
        TrainingInput.model_validate({**DATA, **keys})
