"""Data and input files of small trainings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from deepaw.density.training.config import DensityInput, read_input
from density.synthetic import EXPANSION, write_crystals

Settings = Callable[..., DensityInput]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def crystals(tmp_path_factory) -> Path:
    """A folder with the data set `crystals` of nine structures."""
    folder = tmp_path_factory.mktemp("densities")
    write_crystals(folder / "crystals", 9)
    return folder


@pytest.fixture
def settings(crystals, tmp_path) -> Settings:
    """Makes the settings of a training on these crystals; keywords go to the section `training`."""

    def make(model: dict[str, Any] = EXPANSION, data: dict[str, Any] | None = None, **training: Any) -> DensityInput:
        common = {"steps": 8, "batch_size": 2, "probes": 60, "validate_every": 4, "validation_probes": 100}
        content = {
            "model": model,
            "data": {"systems": [str(crystals / "crystals")], "validation_fraction": 0.25, **(data or {})},
            "training": {**common, "save_every": 4, "warmup": 2, **training},
        }
        path = tmp_path / "density.json"
        path.write_text(json.dumps(content))
        return read_input(path)

    return make
