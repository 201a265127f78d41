"""Reading of typical inputs, and error messages for invalid ones."""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from deepaw.errors import InputError
from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.input import PotentialInput, completed_input, read_potential_input, write_completed_input
from deepaw.potential.model.config import ModelConfig
from potential.inputs import COMPLETED, FIRST, METHANE, WATER


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("input.json")


def changed(place: str, value: Any, content: Any = COMPLETED) -> dict[str, Any]:
    """Return the content with another value at a path such as `loss.type`; None removes the key."""
    content = copy.deepcopy(content)
    *sections, key = place.split(".")
    inside = content
    for section in sections:
        inside = inside.setdefault(section, {})
    if value is None:
        del inside[key]
    else:
        inside[key] = value
    return content


def refusal(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read_potential_input(path)
    message = str(caught.value)
    assert message.startswith("input.json: ")
    assert message.endswith(".")
    assert "\n" not in message
    return message.removeprefix("input.json: ")


def test_water(path):
    path.write_text(WATER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = read_potential_input(path)
    descriptor = settings.model.descriptor
    assert isinstance(descriptor, SeE2AConfig)
    assert (descriptor.sel, descriptor.neuron, descriptor.axis_neuron) == ((46, 92), (25, 50, 100), 16)
    assert settings.model.fitting_net.neuron == (240, 240, 240)
    assert settings.learning_rate.rate(5000, 1000000) == pytest.approx(1e-3 * 3.51e-5 ** (1 / 200))
    assert settings.loss.terms == ("e", "f")
    assert settings.training.training_data.systems == ("../data/data_0/", "../data/data_1/", "../data/data_2/")
    assert settings.training.validation_data.numb_btch == 3
    assert settings.training.numb_steps == 1000000


def test_methane(path):
    path.write_text(METHANE)
    settings = read_potential_input(path)
    assert settings.model.type_map == ("H", "C")
    assert settings.model.descriptor.sel == "auto"
    assert settings.model.descriptor.precision == "default"
    assert settings.model.fitting_net.neuron == (100, 100, 100)


def test_the_layout_of_deepmd_1(path):
    path.write_text(FIRST)
    with pytest.warns(UserWarning, match=r"training\.numb_test has no effect: training\.validation_data"):
        settings = read_potential_input(path)
    data = settings.training.training_data
    assert (data.systems, data.batch_size, data.sys_probs) == (("../data/",), (4,), (1.0,))
    assert settings.training.numb_steps == 100000
    assert settings.model.descriptor.axis_neuron == 8
    assert settings.model.fitting_net.neuron == (240, 240, 240)
    assert settings.learning_rate.rate(5000, 100000) == pytest.approx(0.005 * 0.95)
    assert settings.learning_rate.final_lr == pytest.approx(0.005 * 0.95**20)


def test_out_json_of_deepmd_kit_is_read_without_warnings(path):
    path.write_text(json.dumps(COMPLETED))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = read_potential_input(path)
    assert settings.model.descriptor.neuron == (5, 10, 20)
    assert settings.learning_rate.scale_by_worker == "linear"


def test_keys_that_moved(path):
    training = {"warmup_steps": 2, "opt_type": "AdamW", "weight_decay": 0.1}
    content = copy.deepcopy(COMPLETED)
    content["training"] |= training
    del content["optimizer"], content["learning_rate"]["warmup_steps"]
    path.write_text(json.dumps(content))
    settings = read_potential_input(path)
    assert settings.learning_rate.warmup_steps == 2
    assert (settings.optimizer.type, settings.optimizer.weight_decay) == ("AdamW", 0.1)


@pytest.mark.parametrize("text", [WATER, METHANE, FIRST])
@pytest.mark.filterwarnings("ignore:training.numb_test")
def test_the_completed_input_gives_equal_settings(path, text):
    path.write_text(text)
    settings = read_potential_input(path)
    write_completed_input(settings, "out.json")
    assert read_potential_input("out.json") == settings
    written = json.loads(Path("out.json").read_text())
    assert written == completed_input(settings)
    assert written["training"]["save_ckpt"] == "model.ckpt"
    assert written["model"]["fitting_net"]["activation_function"] == "tanh"
    assert written["optimizer"] == COMPLETED["optimizer"]


def test_config_of_the_model(path):
    path.write_text(WATER)
    model = read_potential_input(path).model
    assert type(model.config()) is ModelConfig
    assert ModelConfig.model_validate(model.config().model_dump(mode="json")) == model.config()
    assert model.config().descriptor == model.descriptor


WRONG = [
    ("training.disp_frq", 5, "training.disp_frq is not a key; did you mean training.disp_freq."),
    ("training.decay_steps", 5, "training.decay_steps is not a key; did you mean learning_rate.decay_steps."),
    ("training.batch_size", 5, "training.batch_size is not a key; did you mean training.training_data.batch_size."),
    ("training.numb_steps", 1e6, "training.numb_steps is 1000000.0; it should be a valid integer."),
    ("training.numb_steps", None, "training: numb_steps is missing; give it, or num_epoch."),
    ("training.stop_batch", 5, "training.stop_batch and training.numb_steps say the same thing; keep one of them."),
    ("training.warmup_steps", 2, "training.warmup_steps and learning_rate.warmup_steps say the same thing; keep one"),
    ("training.training_data", None, "training.training_data is missing."),
    ("model.type_map", ["O", "O"], "model: type_map is ['O', 'O']; each name should be there once."),
    ("model.descriptor.sel", [46], "model: sel has 1 entries; it should have one for each of 2 types."),
    (
        "model.fitting_net.atom_ener",
        [1.0],
        "model: atom_ener has 1 entries; it should have one for each of the 2 types.",
    ),
    ("model.atom_exclude_types", [2], "model: a type to exclude is 2; types are numbered from 0 to 1."),
    ("model.descriptor.exclude_types", [[0, -1]], "model: a type to exclude is -1; types are numbered from 0 to 1."),
    ("model.descriptor.type", "dpa3", 'model.descriptor.type is "dpa3"; it should be one of'),
    ("model.descriptor.rcut", "6", 'model.descriptor.rcut is "6"; it should be a valid number.'),
    ("model.fitting_net.type", "dos", 'model.fitting_net.type is "dos"; it should be'),
    ("model.type", "frozen", 'model.type is not supported: only "standard" models'),
    ("model.spin", {"use_spin": [True]}, "model.spin is not supported: atoms with spins are not."),
    ("learning_rate.warmup_steps", 5, "learning_rate.warmup_steps is 5; it should be less than training.numb_steps, 5"),
    ("learning_rate.type", "step", 'learning_rate.type is "step"; it should be one of'),
    ("loss.type", "dos", 'loss.type is "dos"; it should be one of'),
    (
        "loss",
        {"type": "tensor", "pref": 1.0, "pref_atomic": 0.0},
        'loss.type is "tensor"; for model.fitting_net.type "ener"',
    ),
    ("loss.start_pref_h", 1, "loss.start_pref_h is not supported: hessians are not."),
    ("loss.huber_delta", [1, 2], "loss.huber_delta: [1, 2] should be a number greater than 0, or a list of three."),
    ("optimizer.type", "LKF", 'optimizer.type is "LKF"; it should be one of'),
    ("validating.full_validation", True, "validating is not supported: use training.validation_data."),
    (
        "model.fitting_net.trainable",
        [True, False, False, False],
        "model.fitting_net.trainable: [true, false, false, false] should be true or false, or one of them for each of "
        "the 4 layers; that only some layers are trained is not supported.",
    ),
    ("nvnmd", {"enable": True}, "nvnmd is not supported: models for NVNMD hardware are not."),
    ("foo", 1, "foo is not a key; the keys there are learning_rate, loss, model, optimizer, training."),
    ("training", [], "training is []; it should be an object."),
    ("model", 3, "model is 3; it should be an object."),
]


@pytest.mark.parametrize(
    ("place", "value", "message"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_invalid_values_are_named(path, place, value, message):
    assert refusal(path, changed(place, value)).startswith(message)


@pytest.mark.filterwarnings("ignore:training.numb_test")
def test_messages_name_the_keys_of_the_file(path):
    first = json.loads(FIRST)
    assert refusal(path, changed("training.stop_batch", -1, first)).startswith("training.stop_batch is -1; it should")
    assert refusal(path, changed("training.sys_weights", ["a"], first)).startswith('training.sys_weights[0] is "a"; ')
    part = {"type": "se_a", "sel": [1, 2], "n_axis_neuron": 0}
    hybrid = changed("model.descriptor", {"type": "hybrid", "list": [part]})
    assert refusal(path, hybrid).startswith("model.descriptor.list[0].n_axis_neuron is 0; it should")


def test_the_layout_of_deepmd_0(path):
    message = refusal(path, {"use_smooth": True, "sel_a": [46, 92], "filter_neuron": [25, 50, 100]})
    assert message.startswith("the file has the layout of DeePMD-kit 0; write it with the sections model, ")


def test_several_names_of_one_key(path):
    data = changed("training.training_data.sys_weights", [1.0])
    assert refusal(path, data).startswith("training.training_data.sys_weights and training.training_data.sys_probs say")


def test_every_key_is_explained():
    for name, section in PotentialInput.model_json_schema()["$defs"].items():
        assert section["description"], name
        for key, value in section["properties"].items():
            assert key == "type" or value.get("description") or "$ref" in str(value), f"{name}.{key}"
