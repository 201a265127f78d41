"""The manifests and the image: their form, and that they agree with the server."""

import os
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from deepaw.cli.server import app
from deepaw.server.front.access import OPEN
from deepaw.server.process.keys import VARIABLE

FOLDER = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def parts() -> dict[str, dict]:
    return {part["kind"]: part for part in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}


def test_manifests_are_valid(parts):
    validator = pytest.importorskip("kubernetes_validate")
    for part in parts.values():
        validator.validate(part, validator.latest_version(), strict=True)


def test_parts_find_one_another(parts):
    pod = parts["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for selector in (
        parts["Service"]["spec"]["selector"],
        parts["Deployment"]["spec"]["selector"]["matchLabels"],
        parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[parts["Service"]["spec"]["ports"][0]["targetPort"]] == 8265
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_probes_keys_limits_and_the_end(parts):
    pod = parts["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in OPEN  # probes have no key
    assert container["env"][0]["name"] == VARIABLE
    assert "secretKeyRef" in container["env"][0]["valueFrom"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["terminationGracePeriodSeconds"] > int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["securityContext"]["runAsNonRoot"]


def test_what_is_started_has_these_options(parts):
    image = (FOLDER / "Dockerfile").read_text()
    entry = re.search(r"^ENTRYPOINT \[(.*)\]$", image, re.MULTILINE)
    words = [word.strip().strip('"') for word in entry.group(1).split(",")]
    assert words[:2] == ["deepaw-server", "start"]
    (container,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    known = {option for command in app.registered_commands for option in options(command.name or "start")}
    assert {word for word in [*words, *container["args"]] if word.startswith("--")} <= known
    home = re.search(r"DEEPAW_HOME=(\S+)", image).group(1)
    assert home in {mount["mountPath"] for mount in container["volumeMounts"]}
    for source in re.findall(r"^COPY (?!--)(.+) \S+$", image, re.MULTILINE):
        for name in source.split():
            assert (FOLDER.parent / name).exists(), name


def options(command: str) -> set[str]:
    """Of a command of deepaw-server."""
    text = CliRunner(env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [command, "--help"]).stdout
    return set(re.findall(r"--[a-z][a-z-]+", text))
