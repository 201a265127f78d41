import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deepaw.errors import InputError
from deepaw.modelfile import KEY, SCHEMA, ModelFile, read_metadata, read_model, write_model


@pytest.fixture
def model() -> ModelFile:
    tensors = {"a": torch.arange(6.0).view(2, 3), "b.c": torch.tensor([1, 2, 3]), "empty": torch.zeros(0)}
    return ModelFile("density", {"configuration": {"mul": 5}, "elements": ["Hf", "O"]}, tensors)


def test_reads_what_was_written(tmp_path: Path, model: ModelFile) -> None:
    write_model(tmp_path / "m.safetensors", model)
    again = read_model(tmp_path / "m.safetensors", kind="density")
    assert again.kind == "density" and again.metadata == model.metadata
    assert again.tensors.keys() == model.tensors.keys()
    assert all(torch.equal(again.tensors[name], value) for name, value in model.tensors.items())
    assert read_metadata(tmp_path / "m.safetensors")["schema"] == SCHEMA
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_every_truncation_is_refused_in_one_sentence(tmp_path: Path, model: ModelFile) -> None:
    whole = tmp_path / "m.safetensors"
    write_model(whole, model)
    content = whole.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in (0, 4, 8, 20, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:length])
        with pytest.raises(InputError, match="cut short"):
            read_model(cut)


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    save_file({"a": torch.ones(1)}, path, {KEY: json.dumps({"schema": SCHEMA + 1, "kind": "density"})})
    with pytest.raises(InputError, match=rf"schema {SCHEMA + 1}.*update deepaw"):
        read_model(path)


def test_foreign_files_are_refused(tmp_path: Path, model: ModelFile) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.ones(1)}, foreign)
    with pytest.raises(InputError, match="did not write"):
        read_model(foreign)
    (tmp_path / "text").write_text("just some text that is long enough to hold a length")
    with pytest.raises(InputError, match="not a model file"):
        read_model(tmp_path / "text")
    with pytest.raises(InputError, match="does not exist"):
        read_model(tmp_path / "none.safetensors")
    write_model(tmp_path / "m.safetensors", model)
    with pytest.raises(InputError, match=r"'density'.*'potential'"):
        read_model(tmp_path / "m.safetensors", kind="potential")


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m.safetensors", ModelFile("density", {}, {"w": torch.tensor([1.0, float("nan")])}))
    with pytest.raises(InputError, match="w that are not finite"):
        read_model(tmp_path / "m.safetensors")


def test_full_disk_leaves_nothing_and_keeps_the_old_file(
    tmp_path: Path, model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    write_model(path, model)
    before = path.read_bytes()

    def full(file: Path, content: bytes) -> None:
        with file.open("wb") as opened:
            opened.write(content[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="the disk is full"):
        write_model(path, ModelFile("density", {}, {"a": torch.zeros(9)}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_missing_folder(tmp_path: Path, model: ModelFile) -> None:
    with pytest.raises(InputError, match=r"nowhere .*does not exist"):
        write_model(tmp_path / "nowhere" / "m.safetensors", model)
