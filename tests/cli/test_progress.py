"""The bar shows only when something takes long, and never on stdout."""

import pytest

from deepaw.cli import progress
from deepaw.cli.progress import LateProgress


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)


def test_silent_while_short(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 1e9)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with LateProgress("density") as show:
        show(1, 2)
        show(2, 2)
    assert capsys.readouterr() == ("", "")


def test_drawn_on_stderr_when_long(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with LateProgress("density") as show:
        show(1, 4)
        show(4, 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert "density" in err


def test_silent_where_nobody_looks(capsys):
    with LateProgress("density") as show:
        show(1, 4)
    assert capsys.readouterr() == ("", "")


def test_gone_after_an_interruption(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(KeyboardInterrupt), LateProgress("density") as show:
        show(1, 4)
        raise KeyboardInterrupt
    hide, unhide = "\x1b[?25l", "\x1b[?25h"  # the cursor
    err = capsys.readouterr().err
    assert err.rindex(unhide) > err.rindex(hide)
