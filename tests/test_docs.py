"""The documentation of the input file is the input file's."""

import json
import re
from pathlib import Path

import pytest

from deepaw.density.training.config import (
    DataInput,
    DensityInput,
    ExpansionInput,
    GatedInput,
    LocalInput,
    SplinesInput,
    TrainingInput,
)

TEXT = (Path(__file__).parent.parent / "docs" / "training.md").read_text()


def test_the_file_shown_holds_every_default():
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)[0])
    understood = DensityInput.model_validate(shown)
    assert understood == DensityInput(data=DataInput(systems=("densities",)))
    assert understood.model_dump(mode="json") == shown


@pytest.mark.parametrize(
    "section",
    [ExpansionInput, GatedInput, LocalInput, SplinesInput, DataInput, TrainingInput],
    ids=lambda s: s.__name__,
)
def test_every_key_is_explained(section):
    for key in section.model_fields:
        assert re.search(rf"`(data\.|splines\.)?{key}`|`\"{key}\": ", TEXT), key


def test_defaults_of_the_gated_network():
    paragraph = TEXT[TEXT.index('`"readout": "gated"`') : TEXT.index("### `training`")]
    for key, default in GatedInput(readout="gated").model_dump(exclude={"readout", "local", "splines"}).items():
        shown = re.search(rf'`{key}` [`"]*([\w.]+)', paragraph)
        assert shown is not None, key
        assert shown[1] == str(default) or float(shown[1]) == default, key
