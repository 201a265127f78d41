"""Every command and snippet of the README runs, and both languages show the same ones."""

import re
import shutil
import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest

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
    "page", ["README.md", "README.zh-CN.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_installation_comes_first():
    lines = [line for language, text in blocks("README.md") if language == "sh" for line in text.splitlines()]
    assert [line.split(" && ")[0] for line in lines[:2]] == ["pip install .", "pip install '.[test]'"]


def test_commands_and_snippets_run_in_order(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = f"{Path(sys.executable).parent}{pathsep}{environ['PATH']}"
    earlier = ""  # a snippet may go on from those before it, as in one session
    for language, text in blocks("README.md"):
        if language == "sh":
            for line in text.splitlines():
                if not line.startswith(NOT_RUN_HERE):
                    execute(["bash", "-c", line], tmp_path, path)
        elif language == "json":
            (tmp_path / "density.json").write_text(text)
        elif language == "python":
            execute([sys.executable, "-c", earlier + text], tmp_path, path)
            earlier += text
    for name in ("CHGCAR", "density.cube", "density.npy", "trained/model.safetensors", "report.csv", "report.png"):
        assert (tmp_path / name).exists(), name


def execute(command: list[str], folder: Path, path: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
