"""Native files: round trip of models, and refusal of inconsistent files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepaw.errors import InputError
from deepaw.modelfile import ModelFile, read_metadata, read_model, write_model
from deepaw.potential.model.atomic import KIND
from deepaw.potential.nativefile import load_model
from potential.randommodels import random_model
from potential.test_physics import MODELS, config_of


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("fixed_slots", [True, False])
def test_round_trip(case: str, fixed_slots: bool, tmp_path: Path) -> None:
    model = random_model(config_of(case), fixed_slots=fixed_slots)
    model.closest, model.provenance = 0.83, {"trained on": ["water"], "steps": 10}
    model.save(tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    assert (loaded.fixed_slots, loaded.closest, loaded.provenance) == (fixed_slots, 0.83, model.provenance)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value) and loaded.state_dict()[name].dtype == value.dtype
    assert read_metadata(tmp_path / "model.safetensors")["units"] == {"length": "A", "energy": "eV"}


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "config", "key", "kind"])
def test_inconsistent_files(change: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    random_model(config_of("one_side")).save(path)
    file = read_model(path, KIND)
    metadata, tensors, kind = dict(file.metadata), dict(file.tensors), KIND
    said = "has a tensor .* that does not fit its description"
    if change == "missing":
        del tensors["bias"]
    elif change == "extra":
        tensors["more"] = torch.zeros(1)
    elif change == "shape":
        tensors["bias"] = torch.zeros(3)
    elif change == "config":
        metadata["model"] = {**metadata["model"], "fitting_net": {"type": "dos"}}
        said = "has a description that is not that of a potential"
    elif change == "key":
        del metadata["fixed_slots"]
        said = "has a description that is not that of a potential"
    else:
        kind, said = "density", "kind 'potential' is needed"
    write_model(path, ModelFile(kind, metadata, tensors))
    with pytest.raises(InputError, match=said):
        load_model(path)
