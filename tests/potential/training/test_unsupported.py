"""Keys of DeePMD-kit that are not supported."""

import pytest

from deepaw.errors import InputError
from deepaw.potential.input import PotentialInput
from deepaw.potential.training.unsupported import REFUSED, WITHOUT_EFFECT, drop_unsupported


def supported(section: dict, definitions: dict, place: str = "") -> set[str]:
    """Return the places of all keys of a JSON schema, including those of its sections."""
    places = set()
    for key, value in section["properties"].items():
        places.add(f"{place}{key}")
        options = value.get("oneOf") or value.get("anyOf") or [value]
        for option in options:
            if "$ref" in option:
                inner = definitions[option["$ref"].rsplit("/", 1)[1]]
                places |= supported(inner, definitions, f"{place}{key}.")
    return places


def test_the_table_is_about_keys_that_could_be_in_supported_sections():
    schema = PotentialInput.model_json_schema()
    supported_keys = supported(schema, schema["$defs"])
    assert "training.training_data.systems" in supported_keys
    assert not supported_keys & (REFUSED.keys() | WITHOUT_EFFECT.keys())
    assert not REFUSED.keys() & WITHOUT_EFFECT.keys()
    for place in REFUSED.keys() | WITHOUT_EFFECT.keys():
        section = place.rpartition(".")[0]
        assert section == "" or section in supported_keys, place


@pytest.mark.parametrize("place", REFUSED)
def test_refused_unless_nothing_is_asked_for(place):
    *sections, key = place.split(".")

    def content(value: object) -> dict:
        inner: dict = {key: value}
        for section in reversed(sections):
            inner = {section: inner}
        return inner

    with pytest.raises(InputError, match=rf"^{place} is not supported: .*[^.]\.$"):
        drop_unsupported(content("something"), {})
    for neutral in REFUSED[place][0]:
        left = drop_unsupported(content(neutral), {})
        for section in sections:
            left = left[section]
        assert left == {}


def test_a_warning_where_something_was_meant(recwarn):
    assert drop_unsupported({"training": {"tensorboard": True, "seed": 1}}, {}) == {"training": {"seed": 1}}
    assert str(recwarn.pop(UserWarning).message).startswith("training.tensorboard has no effect: ")
    assert drop_unsupported({"training": {"tensorboard": False, "time_training": False}}, {}) == {"training": {}}
    assert not recwarn.list


def test_the_place_in_the_file_is_named():
    names = {"training.training_data.min_pair_dist": "training.min_pair_dist"}
    with pytest.raises(InputError, match=r"^training\.min_pair_dist is not supported"):
        drop_unsupported({"training": {"training_data": {"min_pair_dist": 0.5}}}, names)


def test_parts_of_a_hybrid():
    def hybrid(mask: bool) -> dict:
        parts = [{"type": "se_e2_a"}, {"type": "se_atten", "attn_mask": mask}]
        return {"model": {"descriptor": {"type": "hybrid", "list": parts}}}

    left = drop_unsupported(hybrid(False), {})
    assert left["model"]["descriptor"]["list"] == [{"type": "se_e2_a"}, {"type": "se_atten"}]
    with pytest.raises(InputError, match=r"^model\.descriptor\.list\[1\]\.attn_mask is not supported: "):
        drop_unsupported(hybrid(True), {})
