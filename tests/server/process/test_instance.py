"""One server for a home, its keys, its models and its sockets."""

import os
import stat

import pytest

from deepaw.errors import InputError
from deepaw.server.process.config import ServerConfig, find_models, find_precisions
from deepaw.server.process.home import Home
from deepaw.server.process.instance import Claim, find_instance
from deepaw.server.process.keys import server_keys
from deepaw.server.process.sockets import bind_unix


def test_a_home_has_one_server(tmp_path):
    home = Home(tmp_path)
    assert find_instance(home) is None
    claim = Claim(home)
    claim.tell(home.socket, "http://x:1")
    live = find_instance(home)
    assert (live.pid, live.socket, live.url) == (os.getpid(), home.socket, "http://x:1")
    with pytest.raises(InputError, match=f"already running with PID {os.getpid()}"):
        Claim(home)
    claim.release()
    assert find_instance(home) is None
    home.pid.write_text(f"{os.getpid()}\n")  # left behind, and its number is somebody else's by now
    assert find_instance(home) is None
    Claim(home).release()


def test_keys(tmp_path, monkeypatch):
    monkeypatch.delenv("DEEPAW_API_KEYS", raising=False)
    path = tmp_path / "api-keys"
    (made,) = server_keys(path)
    assert len(made) > 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server_keys(path) == (made,)
    path.write_text(f"# of the group\n{made}\n\n{'b' * 20}\n")
    assert server_keys(path) == (made, "b" * 20)
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        server_keys(path)
    monkeypatch.setenv("DEEPAW_API_KEYS", f"{'c' * 20}, {'d' * 20}")
    assert server_keys(path) == ("c" * 20, "d" * 20)
    for wrong, said in (("", "no key"), ("short", "Key 1"), ("é" * 20, "Key 1")):
        monkeypatch.setenv("DEEPAW_API_KEYS", wrong)
        with pytest.raises(InputError, match=said):
            server_keys(path)


def test_models_are_found(tmp_path):
    for name in ("a.safetensors", "b.safetensors", "water.dp"):
        (tmp_path / name).write_bytes(b"")
    assert list(find_models([], None)) == ["fast"]
    assert list(find_models([], tmp_path)) == ["a", "b"]
    assert find_models(["b", "water.dp", "fast"], tmp_path).keys() == {"b", "water", "fast"}
    with pytest.raises(InputError, match="called a"):
        find_models(["a", str(tmp_path / "a.safetensors")], tmp_path)
    with pytest.raises(InputError, match="no model c"):
        find_models(["c"], tmp_path)


def test_precisions_and_config(tmp_path):
    assert find_precisions("default") == ("default", "float64")
    assert find_precisions("fast,float32") == ("fast", "float32")
    config = ServerConfig(str(tmp_path), {"a": "b"}, data_dirs=("x", "y"))
    assert ServerConfig.from_json(config.to_json()) == config


def test_sockets(tmp_path):
    path = tmp_path / "s"
    with bind_unix(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(InputError, match="already listens"):
            bind_unix(path)
    with bind_unix(path):  # the file is still there, and nobody answers
        pass
    with pytest.raises(InputError, match="too long"):
        bind_unix(tmp_path / ("a" * 120))
