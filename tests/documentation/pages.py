"""Tutorials as notebooks: their code cells, and a run of them from top to bottom."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
ENGLISH = ROOT / "docs" / "tutorials"
CHINESE = ROOT / "docs" / "zh" / "tutorials"
NAMES = ("network", "minimising", "descriptors", "methane", "water", "density", "server")


def code_cells(page: Path) -> list[str]:
    """Return the source of each code cell."""
    return re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", page.read_text(), re.M | re.S)


def run_page(page: Path, folder: Path, check: str) -> None:
    """Run the cells of a page in a new kernel, in a folder that has `examples/`, and then a cell that checks results.

    Raises nbclient.exceptions.CellExecutionError: a cell raised, or a command in it failed.
    """
    import jupytext
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    shutil.copytree(ROOT / "examples", folder / "examples")
    notebook = jupytext.read(page, fmt="md:myst")
    notebook.cells.append(new_code_cell(dedent(check)))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
    }
    environment.pop("DEEPAW_HOME", None)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    try:
        client.execute(env=environment)
    finally:
        if (folder / ".deepaw" / "server.sock").exists():  # a page that failed has left its server running
            subprocess.run(["deepaw-server", "stop"], env=environment, check=False)
