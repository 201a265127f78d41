"""`--compile` where nothing can be compiled."""

import numpy as np
from ase.build import bulk

from deepaw.server import DeePAWClient
from server.process.running import Machine, density_model


def test_a_server_without_a_compiler_says_so_and_works(tmp_path):
    density_model(tmp_path / "mgo.safetensors")
    machine = Machine(tmp_path)
    machine.environment["CXX"] = "no-such-compiler"
    try:
        said = machine.start("--model mgo.safetensors --no-http --compile")
        assert said["note"] == "mgo is not compiled: there is no C++ compiler (no-such-compiler; CXX names another)"
        assert "compiled" not in said["mgo"]
        client = DeePAWClient(machine.home / "server.sock")
        assert client.status()["use_compile"] is False
        assert np.isfinite(client.predict(bulk("MgO", "rocksalt", 4.2), (4, 4, 4))["density_3d"]).all()
    finally:
        machine.kill()
