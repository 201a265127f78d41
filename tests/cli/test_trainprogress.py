"""The line about a training that is going on."""

import io

import torch
from rich.console import Console

from deepaw.cli import trainprogress
from deepaw.cli.trainprogress import TrainingProgress
from deepaw.potential.training.errors import Errors
from deepaw.potential.training.loss import EnergyLossInput
from deepaw.potential.training.trainer import Status


def _status(step: int) -> Status:
    ones = torch.ones(5, dtype=torch.float64)
    return Status(step, 2000, Errors(torch.tensor(4.0), 0.25 * ones, ones, EnergyLossInput()), 1e-3)


def test_on_a_terminal(monkeypatch):
    monkeypatch.setattr(trainprogress, "INTERVAL", 0.0)
    text = io.StringIO()
    with TrainingProgress(Console(file=text, force_terminal=True, width=150)) as show:
        for step in (1000, 1001, 1002):
            show(_status(step))
        show._bar.refresh()
    assert "1002/2000" in text.getvalue()
    assert "rmse 2.0e+00 rmse_e 5.0e-01 rmse_f 5.0e-01 lr 1.0e-03" in text.getvalue()
    assert "steps/s" in text.getvalue()


def test_not_at_every_step():
    with TrainingProgress(Console(file=io.StringIO(), force_terminal=True)) as show:
        for step in range(50):
            show(_status(step))
        assert len(show._drawn) < 50


def test_elsewhere_nothing():
    text = io.StringIO()
    with TrainingProgress(Console(file=text)) as show:
        show(_status(1))
    assert text.getvalue() == ""
