"""The documentation says what the program does: keys and defaults of input files, budgets, suffixes."""

import json
import re
from pathlib import Path

import pytest
import torch

from deepaw.density.training.config import (
    DataInput,
    DensityInput,
    ExpansionInput,
    GatedInput,
    LocalInput,
    SplinesInput,
    TrainingInput,
)
from deepaw.potential.engine.base import COVERED, SHORTEST
from deepaw.potential.engine.precision import BUDGETS, EXACT
from deepaw.potential.files.formats import FROZEN, READERS
from deepaw.potential.input import read_potential_input
from deepaw.potential.training.kernels import BASIS_SIZES

TEXT = (Path(__file__).parent.parent / "docs" / "training.md").read_text()
POTENTIAL = (Path(__file__).parent.parent / "docs" / "potential.md").read_text()
FILES = (Path(__file__).parent.parent / "docs" / "files.md").read_text()
ROOT = Path(__file__).parent.parent


def test_the_map_names_every_file_of_potentials_and_of_the_compiled_part():
    text = (ROOT / "docs" / "architecture.md").read_text()
    before, compiled = text.split("## The compiled part")
    sections = dict(re.findall(r"^\| \*\*`(\w+)/`\*\* \|(.*?)(?=^\| \*\*`|\Z)", before, re.M | re.S))
    folder = ROOT / "src" / "deepaw" / "potential"
    for path in folder.rglob("*.py"):
        if path.name != "__init__.py":
            place = before if path.parent == folder else sections[path.parent.name]
            assert f"`{path.name}`" in place, f"{path} is not on the map"
    for path in (ROOT / "native" / "src").iterdir():
        assert f"`{path.name}`" in compiled, f"{path} is not on the map"
    elsewhere = {"test_imports.py", "modelfile.py", "outputfile.py"}
    assert set(re.findall(r"`(\w+\.py)`", before)) <= {path.name for path in folder.rglob("*.py")} | elsewhere


def test_the_ways_through_the_code_name_files_that_are_there():
    text = (ROOT / "docs" / "architecture.md").read_text()
    ways = re.findall(r"^## The way of .*?(?=^## )", text, re.M | re.S)
    assert len(ways) == 3
    for way in ways:
        paths = re.findall(r"`((?:\w+/)*\w+\.py)`", way)
        assert len(paths) >= 10
        assert [path for path in paths if not (ROOT / "src" / "deepaw" / path).is_file()] == []


def test_contributors_are_told_of_files_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:src|tests|native)/[\w./]*)`", text)
    assert len(paths) >= 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


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


def test_the_input_of_a_potential_that_is_shown_can_be_read(tmp_path):
    (tmp_path / "input.json").write_text(re.findall(r"^```json\n(.*?)^```", POTENTIAL, re.M | re.S)[0])
    assert read_potential_input(tmp_path / "input.json").model.type_map == ("O", "H")


def test_precisions_of_potentials():
    for name, budget in BUDGETS.items():
        row = re.search(rf"^\| `{name}` \| (\w+) \| ([\de-]+)", POTENTIAL, re.M)
        assert row is not None, name
        assert (getattr(torch, row[1]), float(row[2])) == (budget.dtype, budget.tolerance)
    assert f"| `{EXACT}` |" in POTENTIAL
    words = " ".join(POTENTIAL.split())
    assert f"down to {COVERED:g} Å" in words
    assert f"Below {SHORTEST:g} Å" in words
    assert (
        f"{BASIS_SIZES[torch.float64]} polynomials for nets in float64, {BASIS_SIZES[torch.float32]} in float32"
        in words
    )


def test_files_of_potentials():
    for suffix in READERS.keys() - {".yml"}:
        assert re.search(rf"^\| .*`{suffix}`.* \| yes \|", FILES, re.M), suffix
    for suffix in (".pth", ".pt2"):
        assert suffix in FROZEN
        assert f"`{suffix}`" in FILES
