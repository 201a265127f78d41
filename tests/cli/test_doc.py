"""`deepaw doc input`."""

import json

import pytest
from typer.testing import CliRunner

from deepaw.cli.app import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["doc", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_potentials_are_described_first_of_all():
    text = run("input")
    assert text == run("input", "--kind", "potential")
    assert 'model.descriptor, type "hybrid"' in text
    assert "  limit_pref_f: number >= 0, default 1.0\n      prefactor of the forces at learning rate 0\n" in text
    assert "  numb_btch: integer >= 1, default 1\n" in text


def test_densities():
    text = run("input", "--kind", "density")
    assert 'model, readout "gated"' in text
    assert "  probes: integer >= 1, default 1000\n" in text


@pytest.mark.parametrize(("kind", "section"), [("potential", "TrainingInput"), ("density", "GatedInput")])
def test_schema(kind, section):
    schema = json.loads(run("input", "--schema", "--kind", kind))
    assert section in schema["$defs"]
    assert "^_" in schema["patternProperties"]
