"""`training_data` and `validation_data` as they are written in input files."""

import json

import pytest
from pydantic import ValidationError

from deepaw.errors import InputError
from deepaw.inputfile import Section, read_input_file
from deepaw.potential.data.config import DataInput, ValidationDataInput
from potential.systems import water, write_system


class Content(Section):
    training_data: DataInput | None = None
    validation_data: ValidationDataInput | None = None


def read(tmp_path, **sections) -> Content:
    (tmp_path / "input.json").write_text(json.dumps(sections))
    return read_input_file(tmp_path / "input.json", Content)


def test_defaults_are_those_of_deepmd_kit():
    data_input = ValidationDataInput.model_validate_json('{"systems": "data"}', strict=True)
    assert data_input.model_dump() == {
        "systems": "data",
        "rglob_patterns": None,
        "batch_size": "auto",
        "auto_prob": "prob_sys_size",
        "sys_probs": None,
        "numb_btch": 1,
    }


def test_every_way_to_write_it(tmp_path):
    section = {"systems": ["a", "b"], "batch_size": [1, 2], "sys_weights": [0.5, -1]}
    data_input = read(tmp_path, training_data=section).training_data
    assert data_input == DataInput(systems=("a", "b"), batch_size=(1, 2), sys_probs=(0.5, -1.0))
    for rule in (4, "auto", "auto:64", "mixed:8"):
        assert read(tmp_path, training_data={"systems": "a", "batch_size": rule}).training_data.batch_size == rule
    for rule in ("prob_uniform", "prob_sys_size", "prob_sys_size;0:2:0.3;2:5:7e-1"):
        assert read(tmp_path, training_data={"systems": "a", "auto_prob_style": rule}).training_data.auto_prob == rule
    assert read(tmp_path, validation_data={"systems": "a", "numb_batch": 3}).validation_data.numb_btch == 3


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "training_data.systems is missing"),
        ({"systems": []}, "training_data.systems: it should be a folder or a list of folders"),
        ({"systems": ["a", 1]}, "training_data.systems: it should be a folder or a list of folders"),
        ({"systems": "a", "batch_size": 0}, "training_data.batch_size: it is 0; it should be a whole number from 1"),
        ({"systems": "a", "batch_size": True}, "training_data.batch_size: it is true; it should be"),
        ({"systems": "a", "batch_size": [2, 0.5]}, "training_data.batch_size: it is [2, 0.5]; it should be"),
        ({"systems": "a", "batch_size": "auto:0"}, 'training_data.batch_size: it is "auto:0"; it should be a number'),
        ({"systems": "a", "batch_size": "max:500"}, '"max:500" is not supported; use "auto:N", "mixed:N" or a number'),
        ({"systems": "a", "auto_prob": "sys_size"}, 'training_data.auto_prob: it is "sys_size"; it should be'),
        ({"systems": "a", "auto_prob": "prob_sys_size;0:-1:1"}, "training_data.auto_prob: it is"),
        ({"systems": "a", "numb_btch": 2}, "training_data.numb_btch is not a key; did you mean validation_data.numb"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, section, said):
    with pytest.raises(InputError) as caught:
        read(tmp_path, training_data=section)
    assert said in str(caught.value)


def test_the_schema_knows_the_rules():
    schema = DataInput.model_json_schema()["properties"]
    assert {"integer", "array", "string"} == {field["type"] for field in schema["batch_size"]["anyOf"]}
    assert all("description" in field for field in schema.values())
    with pytest.raises(ValidationError):
        DataInput(systems="a", batch_size="automatic")


def test_systems_and_their_sampler(tmp_path):
    write_system(tmp_path / "data" / "small", water(4, molecules=1))
    write_system(tmp_path / "data" / "large", water(3, molecules=4), type_map=("H", "O"))
    data_input = DataInput(systems="data", batch_size="auto:12")
    systems = data_input.read(tmp_path, ["O", "H"])
    assert [system.nframes for system in systems] == [3, 4]
    assert {system.type_map for system in systems} == {("O", "H")}
    sampler = data_input.sampler(systems, seed=1)
    assert sampler.sizes == [1, 4]
    with pytest.raises(InputError, match="batch_size lists 1 numbers, but 2 systems were found"):
        DataInput(systems="data", batch_size=(1,)).sampler(systems, seed=1)
