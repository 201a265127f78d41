"""`--compile`, with a compiler and without one."""

import os
import shutil

import numpy as np
import pytest
from ase.build import bulk

from deepaw.density.engine import InferenceEngine
from deepaw.server import DeePAWClient
from server.process.running import Machine, density_model

COMPILER = shutil.which(os.environ.get("CXX", "g++"))


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_a_compiled_server_answers_as_the_engine_does(tmp_path):
    density_model(tmp_path / "mgo.safetensors")
    machine = Machine(tmp_path)
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.rattle(0.05, seed=0)
    points = np.random.default_rng(0).random((50, 3)) * 4
    try:
        said = machine.start("--model mgo.safetensors --no-http --compile")
        assert "note" not in said
        assert said["mgo"].endswith(", compiled")
        client = DeePAWClient(machine.home / "server.sock")
        assert client.status()["use_compile"] is True
        engine = InferenceEngine(tmp_path / "mgo.safetensors")
        expected = engine.predict(atoms, (12, 12, 12)).density_3d
        np.testing.assert_allclose(client.predict(atoms, (12, 12, 12))["density_3d"], expected, rtol=1e-4, atol=1e-5)
        at_points = client.predict_at(atoms, points)
        np.testing.assert_allclose(at_points, engine.predict_at(atoms, points), rtol=1e-4, atol=1e-5)
        if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
            assert any((machine.home / "compiled").iterdir())
    finally:
        machine.kill()


@pytest.mark.slow
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
