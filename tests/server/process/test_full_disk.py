"""Files of a server that cannot be written; a limit on their size stands for a full disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deepaw.errors import InputError
from deepaw.server.process.home import Home
from deepaw.server.process.instance import Claim
from deepaw.server.process.keys import server_keys


@contextmanager
def full() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_keys_leave_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPAW_API_KEYS", raising=False)
    path = tmp_path / "api-keys"
    with full(), pytest.raises(InputError, match="api-keys cannot be written: file too large"):
        server_keys(path)
    assert not path.exists()
    assert len(server_keys(path)) == 1


def test_a_server_that_cannot_say_who_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    claim = Claim(home)
    with full(), pytest.raises(InputError, match=r"server\.pid cannot be written"):
        claim.tell(home.socket, "")
    claim.release()
    assert not home.pid.exists()
    Claim(home).release()
