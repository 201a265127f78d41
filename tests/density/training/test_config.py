"""`density.json`: defaults, what the components make of it, and what is refused."""

import json
from pathlib import Path

import pytest

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.splines import SplineConfig
from deepaw.density.training.config import ExpansionInput, GatedInput, read_input
from deepaw.errors import InputError

REPOSITORY = Path(__file__).parents[3]


def read(folder: Path, **sections):
    """The settings of a file with some sections."""
    path = folder / "density.json"
    path.write_text(json.dumps({"data": {"systems": ["here"]}, **sections}))
    return read_input(path)


def test_only_the_data_has_to_be_given(tmp_path):
    settings = read(tmp_path)
    assert isinstance(settings.model, ExpansionInput)
    assert settings.model.config((1, 8)) == ExpansionConfig((1, 8))
    assert settings.data.systems == ("here",)
    assert settings.training.batch_size == 2


def test_expansion(tmp_path):
    splines = {"counts": [6, 5], "cutoffs": [3, 2.5], "power": 1.5}
    settings = read(tmp_path, model={"channels": 5, "lmax": 1, "sender_lmax": 1, "cutoff": 3, "splines": splines})
    expected = ExpansionConfig(
        (3,), channels=5, lmax=1, sender_lmax=1, cutoff=3.0, splines=SplineConfig((6, 5), (3.0, 2.5), 1.5)
    )
    assert isinstance(settings.model, ExpansionInput)
    assert settings.model.config((3,)) == expected


def test_gated(tmp_path):
    settings = read(tmp_path, model={"readout": "gated", "mul": 30, "lmax": 2, "local": {"hidden": 5}})
    assert isinstance(settings.model, GatedInput)
    assert settings.model.config() == GatedConfig(mul=30, lmax=2, local=LocalConfig(hidden=5))
    plain = read(tmp_path, model={"readout": "gated"}).model
    assert isinstance(plain, GatedInput)
    assert plain.config().local is None
    assert plain.config().envelope


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"training": {"step": 3}}, "training.step is not a key; did you mean training.steps."),
        ({"training": {"channels": 3}}, "training.channels is not a key; did you mean model.channels."),
        ({"training": {"steps": "100"}}, 'training.steps is "100"; it should be a valid integer.'),
        ({"training": {"steps": 0}}, "training.steps is 0; it should be greater than or equal to 1."),
        ({"training": {"ema": 1}}, "training.ema is 1; it should be less than 1."),
        ({"training": {"mixed_precision": "yes"}}, 'training.mixed_precision is "yes"; it should be a valid boolean.'),
        ({"data": {"systems": []}}, "data.systems has 0 entries"),
        ({"data": {"systems": "here"}}, 'data.systems is "here"; it should be a valid array.'),
        ({"data": {}}, "data.systems is missing."),
        ({"data": {"systems": ["a"], "validation_fraction": 1}}, "data.validation_fraction is 1; it should be less"),
        ({"model": {"channels": 0}}, "model: channels is 0; it must be at least 1."),
        ({"model": {"cutoff": -1}}, "model: cutoff is -1.0 A; it must be positive."),
        ({"model": {"lmax": 2}}, "model: splines.counts has degrees up to 4; give one count"),
        ({"model": {"splines": {"counts": [3], "cutoffs": [1]}}}, "model.splines: splines need a count of at least 4"),
        ({"model": {"splines": {"counts": [], "cutoffs": []}}}, "model.splines: splines need a count of at least 4"),
        ({"model": {"readout": "gatd"}}, "model.readout is \"gatd\"; it should be one of 'expansion', 'gated'."),
        ({"model": {"readout": "gated", "channels": 3}}, "model.channels is not a key; the keys there are basis, "),
        ({"model": {"readout": "gated", "mul": 1}}, "model: mul is 1, which leaves no channel for degree 3"),
        ({"model": {"readout": "gated", "basis": "sine"}}, "model.basis is \"sine\"; it should be 'gaussian' or"),
        ({"model": {"readout": "gated", "local": {"width": 0}}}, "model: local.width is 0; it must be at least 1."),
        (
            {"model": {"readout": "gated", "local": {"widht": 9}}},
            "model.local.widht is not a key; did you mean",
        ),
    ],
)
def test_refused_with_its_place(tmp_path, sections, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, **sections)
    assert f"density.json: {message}" in str(caught.value)


@pytest.mark.parametrize(
    "path", [*sorted(REPOSITORY.glob("models/*/*.json")), REPOSITORY / "examples" / "density.json"]
)
def test_files_in_the_repository_are_read(path):
    assert read_input(path).training.steps > 100
