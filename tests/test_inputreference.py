"""The reference and the schema say what the models check."""

import json
from typing import Annotated, Literal

from pydantic import Field, Tag

from deepaw.density.training.config import DensityInput
from deepaw.inputfile import Section, chosen_by
from deepaw.inputreference import json_schema, reference


class Wheel(Section):
    """What turns."""

    spokes: int = Field(36, ge=1, description="wires")
    type: Literal["wheel"] = "wheel"


class Sledge(Section):
    """What slides."""

    type: Literal["sledge"]
    length: Annotated[float, Field(gt=0, le=2)] | tuple[float, float] | None = None


Runner = Annotated[Annotated[Wheel, Tag("wheel")] | Annotated[Sledge, Tag("sledge")], chosen_by("type", "wheel")]


class Cart(Section):
    """A cart."""

    runner: Runner = Wheel()
    spare: tuple[Runner, ...]
    load: tuple[int | None, ...] = (1,)
    colour: str = Field(description="of the paint " * 10)
    lamp: Wheel | None = None


EXPECTED = """\
the file
--------
A cart.

  load: list of (integer or null), default [1]
  colour: string, required
      of the paint of the paint of the paint of the paint of the paint of the paint of the paint of the paint
      of the paint of the paint

runner, type "wheel" (optional)
-------------------------------
What turns.

  type: "wheel", default "wheel"
  spokes: integer >= 1, default 36
      wires

runner, type "sledge" (optional)
--------------------------------
What slides.

  type: "sledge", required
  length: number > 0 and <= 2 or [number, number] or null, default null

spare[], type "wheel"
---------------------
As runner, type "wheel" (optional).

spare[], type "sledge"
----------------------
As runner, type "sledge" (optional).

lamp (optional)
---------------
As runner, type "wheel" (optional).
"""


def test_reference():
    assert reference(Cart) == EXPECTED


def test_every_key_of_the_density_is_there():
    text = reference(DensityInput)
    for name, section in DensityInput.model_json_schema()["$defs"].items():
        for key in section["properties"]:
            assert f"  {key}: " in text or f".{key}" in text, f"{name}.{key}"


def test_schema_allows_comments_and_nothing_else_that_is_unknown():
    schema = json.loads(json.dumps(json_schema(Cart)))
    assert schema["$schema"].endswith("2020-12/schema")
    for section in (schema, schema["$defs"]["Wheel"]):
        assert section["additionalProperties"] is False
        assert list(section["patternProperties"]) == ["^_"]
    assert schema["required"] == ["spare", "colour"]
