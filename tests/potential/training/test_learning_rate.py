"""Learning rates against values of DeePMD-kit 3.2.0 and against their formulas."""

from math import cos, pi

import pytest
from pydantic import TypeAdapter, ValidationError

from deepaw.errors import InputError
from deepaw.potential.training.learning_rate import RateInput, RateSection


def section(**keys: object) -> RateSection:
    return TypeAdapter(RateInput).validate_python(keys)


# from its LearningRateExp, LearningRateCosine and LearningRateWSD
PEER = [
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 3.5e-08, "decay_steps": 5000},
        1000000,
        {
            0: 0.001,
            49999: 0.0006302067666938754,
            50000: 0.0005986919273195822,
            333333: 3.3848735921998e-05,
            500000: 5.916079783099581e-06,
            999999: 3.684238224663952e-08,
            1000000: 3.5e-08,
            1000007: 3.5e-08,
        },
    ),
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-05, "decay_steps": 5000},
        2000,
        {0: 0.001, 99: 0.001, 100: 0.0007943282347242815, 666: 0.000251188643150958, 1999: 1.2589254117941668e-05},
    ),
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-05, "decay_steps": 5000},
        40,
        {0: 0.001, 1: 0.0008912509381337456, 13: 0.00022387211385683408, 39: 1.122018454301965e-05, 47: 1e-05},
    ),
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-05, "decay_steps": 100, "decay_rate": 0.95},
        4000,
        {199: 0.00095, 200: 0.0009025, 1333: 0.0005133420832795048, 4007: 0.00012851215656510312},
    ),
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-05, "decay_steps": 100, "decay_rate": 0.5},
        4000,
        {199: 0.0005, 200: 0.00025, 1333: 1e-05, 3999: 1e-05},
    ),
    (
        {
            "type": "exp",
            "start_lr": 0.001,
            "stop_lr_ratio": 0.001,
            "decay_steps": 100,
            "smooth": True,
            "warmup_steps": 50,
            "warmup_start_factor": 0.1,
        },
        1000,
        {
            0: 0.0001,
            1: 0.00011800000000000001,
            49: 0.000982,
            50: 0.001,
            333: 0.00012773672860090136,
            999: 1.0072978215950266e-06,
            1007: 1e-06,
        },
    ),
    (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 0.0, "decay_steps": 100},
        1000,
        {50: 0.001, 333: 7.943282347242817e-06, 950: 5.011872336272726e-10, 1007: 1.0000000000000007e-10},
    ),
    (
        {"type": "cosine", "start_lr": 0.001, "stop_lr": 1e-05},
        1000,
        {0: 0.001, 1: 0.0009999975572749199, 333: 0.0007529487795535514, 999: 1.0002442725080185e-05, 1007: 1e-05},
    ),
    (
        {"type": "cosine", "start_lr": 0.001, "stop_lr_ratio": 0.01, "warmup_ratio": 0.1},
        1000,
        {0: 0.0, 1: 1e-05, 49: 0.00049, 333: 0.0008451083178481894, 950: 1.7520162258957028e-05},
    ),
    (
        {"type": "wsd", "start_lr": 0.001, "stop_lr": 1e-05},
        1000,
        {0: 0.001, 750: 0.001, 950: 1.9801980198019806e-05, 999: 1.0099989900010101e-05, 1000: 1e-05},
    ),
    (
        {
            "type": "wsd",
            "start_lr": 0.001,
            "stop_lr": 1e-05,
            "decay_type": "cosine",
            "decay_phase_ratio": 0.3,
            "warmup_steps": 100,
        },
        1000,
        {1: 1e-05, 500: 0.001, 750: 0.0009336825748732972, 950: 7.631742512670284e-05, 999: 1.002714116407149e-05},
    ),
    (
        {"type": "wsd", "start_lr": 0.001, "stop_lr": 1e-05, "decay_type": "linear", "decay_phase_ratio": 0.3},
        1000,
        {500: 0.001, 750: 0.000835, 950: 0.000175, 999: 1.33e-05, 1007: 1e-05},
    ),
]


@pytest.mark.parametrize(("keys", "steps", "expected"), PEER)
def test_same_as_deepmd(keys, steps, expected):
    rate = section(**keys)
    assert {step: rate.rate(step, steps) for step in expected} == pytest.approx(expected, rel=1e-12)


def test_without_type_it_is_exponential_and_ends_at_5e_8():
    assert section(decay_steps=10).rate(1000, 1000) == pytest.approx(5e-8)


def test_restarts():
    rate = section(type="cosine_restarts", start_lr=0.1, stop_lr=0.01, period=10, growth=2, warmup_steps=5)
    for step, progress in {5: 0, 10: 0.5, 14: 0.9, 15: 0, 25: 0.5, 35: 0, 55: 0.5, 74: 39 / 40}.items():
        assert rate.rate(step, 75) == pytest.approx(0.01 + 0.09 * (1 + cos(pi * progress)) / 2)
    assert rate.rate(75, 75) == rate.rate(74, 75)
    assert rate.rate(2, 75) == pytest.approx(0.04)


def test_workers():
    assert section().scale(4) == 1
    assert section(scale_by_worker="sqrt").scale(4) == 2
    assert section(scale_by_worker="linear").scale(4) == 4


@pytest.mark.parametrize("kind", ["exp", "cosine", "cosine_restarts", "wsd"])
def test_no_steps_at_all(kind):
    period = {"period": 3} if kind == "cosine_restarts" else {}
    assert section(type=kind, **period).rate(0, 0) > 0


@pytest.mark.parametrize(("keys", "steps"), [({"warmup_steps": 10}, 10), ({"warmup_steps": 1}, 0)])
def test_a_warm_up_must_end_before_the_training(keys, steps):
    with pytest.raises(InputError, match=f"warmup_steps is {keys['warmup_steps']}; it should be less than the {steps}"):
        section(**keys).rate(0, steps)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"stop_lr": 1e-8, "stop_lr_ratio": 0.1}, "stop_lr and stop_lr_ratio are both given"),
        ({"warmup_steps": 3, "warmup_ratio": 0.1}, "warmup_steps and warmup_ratio are both given"),
        ({"type": "wsd", "stop_lr": 0.0}, "greater than 0 for wsd"),
        ({"decay_rate": 1.1}, "less than or equal to 1"),
        ({"type": "cosine", "decay_steps": 10}, "Extra inputs"),
    ],
)
def test_contradictions(keys, message):
    with pytest.raises(ValidationError, match=message):
        section(**keys)
