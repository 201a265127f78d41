from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from deepaw.density import predict
from deepaw.density.engine import InferenceEngine, prepared
from deepaw.density.files.output import choose_output
from deepaw.density.grid import given_grid
from deepaw.density.predict import answer
from deepaw.density.request import PredictRequest
from density.engine.test_engine import MODELS


@pytest.mark.parametrize("name", ["density.npy", "density.cube", "CHGCAR"])
def test_a_grid_too_large_for_memory_gives_the_same_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = bulk("MgO", "rocksalt", a=4.21, cubic=True)
    engine = InferenceEngine(MODELS["expansion"])
    request = PredictRequest(atoms, given_grid((9, 8, 7)), "MgO")
    output = choose_output(tmp_path / name, None, None, atoms)
    assert output is not None
    answer(engine, request, output)
    in_memory = _numbers(output.path)
    monkeypatch.setattr(predict, "IN_MEMORY", 100)
    monkeypatch.setattr(prepared, "BLOCK_POINTS", 150)
    summary = answer(engine, request, output)
    np.testing.assert_allclose(_numbers(output.path), in_memory, rtol=0, atol=1e-5 * np.abs(in_memory).max())
    assert summary.points_evaluated == 9 * 8 * 7
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert answer(engine, request, None).scale == pytest.approx(summary.scale)


def _numbers(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path).ravel()
    words = path.read_text().split()[-9 * 8 * 7 :]
    return np.array(words, dtype=float)
