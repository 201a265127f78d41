"""Every command and snippet of the README runs, and both languages show the same ones."""

import re
import shutil
import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest
from ase import Atoms

ROOT = Path(__file__).parent.parent
NOT_RUN_HERE = ("pip ", "pytest")


def blocks(name: str) -> list[tuple[str, str]]:
    """(language, text) of the fenced blocks."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / name).read_text(), re.M | re.S)


def test_both_languages_show_the_same():
    assert blocks("README.md") == blocks("README.zh-CN.md")
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert set(links) - {"README.zh-CN.md"} == set(
        re.findall(r"\]\(([^)]+)\)", (ROOT / "README.zh-CN.md").read_text())
    ) - {"README.md"}


@pytest.mark.parametrize(
    "page",
    [*(p.name for p in ROOT.glob("*.md")), *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))],
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_installation_comes_first():
    lines = [line for language, text in blocks("README.md") if language == "sh" for line in text.splitlines()]
    assert [line.split(" && ")[0] for line in lines[:2]] == ["pip install .", "pip install '.[test]'"]


@pytest.mark.slow
def test_commands_and_snippets_run_in_order(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # the files of the server are there
    monkeypatch.delenv("DEEPAW_HOME", raising=False)
    inputs = re.findall(r"[Ii]nput file, `(\w+\.json)`", (ROOT / "README.md").read_text())
    session: dict[str, object] = {}  # a snippet may go on from those before it
    for language, text in blocks("README.md"):
        if language == "sh":
            for line in text.splitlines():
                if not line.startswith(NOT_RUN_HERE):
                    execute(line)
        elif language == "json":
            Path(inputs.pop(0)).write_text(text)
        elif language == "python":
            exec(compile(text, "README.md", "exec"), session)
    assert not inputs
    for name in (
        "CHGCAR",
        "density.cube",
        "density.npy",
        "trained/model.safetensors",
        "report.csv",
        "report.png",
        "lcurve.out",
        "errors.f.out",
        "model.dp",
    ):
        assert Path(name).exists(), name
    crystal = session["crystal"]
    assert isinstance(crystal, Atoms)
    assert crystal.cell.lengths()[0] / 2 == pytest.approx(3.995, abs=0.05)  # that of EMT


def execute(line: str) -> None:
    path = f"{Path(sys.executable).parent}{pathsep}{environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env={**environ, "PATH": path}, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
