"""Ctrl-C waits, a second one does not."""

import signal
import threading

import pytest

from deepaw.optimisation.interruption import Interruption


def test_the_first_is_noted_the_second_raised():
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert not interruption.asked
        signal.raise_signal(signal.SIGINT)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_as_before_after_the_block():
    with pytest.raises(ValueError, match="stop"), Interruption():
        raise ValueError("stop")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_other_threads_cannot_catch_signals_and_need_not():
    seen = []

    def work() -> None:
        with Interruption() as interruption:
            seen.append(interruption.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
