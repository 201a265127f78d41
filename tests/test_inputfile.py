"""Wrong input files are refused in one sentence that names the place."""

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, Tag, model_validator

from deepaw.errors import InputError
from deepaw.inputfile import Section, chosen_by, read_input_file, refusing


class Round(Section):
    shape: Literal["round"] = "round"
    radius: float = Field(1.0, gt=0)


class Square(Section):
    shape: Literal["square"]
    edges: tuple[float, float] = (1.0, 1.0)

    @model_validator(mode="after")
    def _is_square(self) -> "Square":
        with refusing():
            if self.edges[0] != self.edges[1]:
                raise InputError(f"edges are {self.edges}; they must be equal.")
        return self


class Plate(Section):
    form: Annotated[Annotated[Round, Tag("round")] | Annotated[Square, Tag("square")], chosen_by("shape", "round")]
    names: tuple[str, ...] = Field(("a",), min_length=1)
    holes: int = 0
    flat: bool = True


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("plate.json")


def test_read(path):
    path.write_text('\ufeff{"form": {"shape": "square", "edges": [2, 2.0]}, "names": ["b", "c"]}', encoding="utf-8")
    assert read_input_file(path, Plate) == Plate(form=Square(shape="square", edges=(2.0, 2.0)), names=("b", "c"))
    path.write_text('{"form": {}}')
    assert read_input_file(path, Plate).form == Round()


def test_comments(path):
    path.write_text('{"_comment": 1, "form": {"_comment": [], "radius": 2, "_comment": 3}, "_holes": 7, "_comment": 2}')
    assert read_input_file(path, Plate) == Plate(form=Round(radius=2))


def test_other_layouts(path):
    def translate(content):
        if "volume" in content:
            raise InputError("volume cannot be 3D.")
        size = content.pop("size")
        return {**content, "form": {"radius": size["r"], **size["more"]}}, {
            "form.radius": "size.r",
            "form": "size.more",
        }

    path.write_text('{"size": {"r": 2, "more": {}}, "holes": 3}')
    assert read_input_file(path, Plate, translate) == Plate(form=Round(radius=2), holes=3)
    wrong = {
        '{"size": {"r": -2, "more": {}}}': r"plate\.json: size\.r is -2; it should be greater than 0\.$",
        '{"size": {"r": 2, "more": {"shap": 1}}}': r"json: size\.more\.shap is not a key; did you mean form\.shape\.$",
        '{"volume": 2}': r"^plate\.json: volume cannot be 3D\.$",
    }
    for text, message in wrong.items():
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_input_file(path, Plate, translate)


WRONG = {
    '{"form": {}, "hole": 3}': "hole is not a key; did you mean holes.",
    '{"form": {"radus": 3}}': "form.radus is not a key; did you mean form.radius.",
    '{"form": {"shape": "square", "edge": 3}}': "form.edge is not a key; did you mean form.edges.",
    '{"form": {}, "radius": 3}': "radius is not a key; did you mean form.radius.",
    '{"form": {"shape": "square", "radius": 3}}': "form.radius is not a key; the keys there are edges, shape.",
    '{"form": {}, "xyz": 3}': "xyz is not a key; the keys there are flat, form, holes, names.",
    "{}": "form is missing.",
    '{"form": 3}': "form is 3; it should be an object.",
    '{"form": {"shape": "oval"}}': "form.shape is \"oval\"; it should be one of 'round', 'square'.",
    '{"form": {"shape": null}}': "form.shape is null; it should be one of 'round', 'square'.",
    '{"form": {"radius": 0}}': "form.radius is 0; it should be greater than 0.",
    '{"form": {"radius": "2"}}': 'form.radius is "2"; it should be a valid number.',
    '{"form": {"radius": NaN}}': "form.radius is NaN; it should be a finite number.",
    '{"form": {"radius": 1e999}}': "form.radius is Infinity; it should be a finite number.",
    '{"form": {"shape": "square", "edges": [1, true]}}': "form.edges[1] is true; it should be a valid number.",
    '{"form": {"shape": "square", "edges": [1, 2]}}': "form: edges are (1.0, 2.0); they must be equal.",
    '{"form": {}, "holes": 1.5}': "holes is 1.5; it should be a valid integer.",
    '{"form": {}, "flat": 1}': "flat is 1; it should be a valid boolean.",
    '{"form": {}, "flat": null}': "flat is null; it should be a valid boolean.",
    '{"form": {}, "names": "a"}': 'names is "a"; it should be a valid array.',
    '{"form": {}, "names": []}': "names has 0 entries; it should have 1 or more.",
    '{"form": {}, "names": ["a", 1]}': "names[1] is 1; it should be a valid string.",
    '{"form": {}, "form": {}}': "the key form is given twice.",
    '{"form": {},}': "is not JSON: ",
    "": "is not JSON: ",
    "[1, 2]": "holds [1, 2]; it should hold an object",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_content_is_named_with_its_place(path, text):
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_input_file(path, Plate)
    message = str(caught.value)
    assert message.startswith("plate.json")
    assert WRONG[text] in message
    assert message.endswith(".")
    assert "\n" not in message


def test_long_values_are_cut(path):
    path.write_text(json.dumps({"form": {"radius": "x" * 1000}}))
    with pytest.raises(InputError, match=r"x\.\.\.; it should"):
        read_input_file(path, Plate)


def test_no_such_file_and_not_text(path, tmp_path):
    with pytest.raises(InputError, match=r"plate\.json does not exist"):
        read_input_file(path, Plate)
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        read_input_file(tmp_path, Plate)
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match=r"plate\.json, line 1 cannot be read as UTF-8"):
        read_input_file(path, Plate)
