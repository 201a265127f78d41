"""Builds the site in both languages: python docs/build_site.py [FOLDER]

Code cells of the tutorials are run (those of the Chinese pages are the same, and share the results); a cell that fails
or a link that leads nowhere ends the build with an error. FOLDER, `build/site` by default, then holds `index.html`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from deepaw.density.training.config import DensityInput
from deepaw.inputreference import reference
from deepaw.potential.input import PotentialInput

ROOT = Path(__file__).parents[1]

INPUTS: dict[str, tuple[type[BaseModel], str, str]] = {
    "potential-input": (PotentialInput, "Input file of a potential", "势的输入文件"),
    "density-input": (DensityInput, "Input file of a density model", "密度模型的输入文件"),
}
"""Pages of input keys: the model that checks a file, titles in English and Chinese."""

REDIRECT = '<!doctype html><title>DeePAW</title><meta http-equiv="refresh" content="0; url=en/index.html">\n'


def assemble(source: Path) -> None:
    """Copy the pages and what they link to, so that cells write nothing into the repository; add generated pages."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source / "docs")
    (source / "home").mkdir()
    for name in ("examples", "native/include", "native/examples", "models"):
        shutil.copytree(ROOT / name, source / name)
    for folder in ("docs/tutorials", "docs/zh/tutorials"):
        (source / folder / "examples").symlink_to(source / "examples")
    for name, (kind, english, chinese) in INPUTS.items():
        for folder, title in (("docs/reference", english), ("docs/zh/reference", chinese)):
            (source / folder / f"{name}.md").write_text(f"# {title}\n\n{keys_as_markdown(reference(kind))}\n")


def keys_as_markdown(text: str) -> str:
    """Turn what `deepaw doc input` prints into Markdown: a heading for each section, an item for each key."""
    page: list[str] = []
    for line in text.replace("*", "\\*").replace("<", "&lt;").splitlines():
        if line and not line.strip("-"):  # a rule below a heading
            page[-1] = f"## {page[-1]}\n"
        elif key := re.match(r"  (\w+): (.*)", line):
            page.append(f"- `{key[1]}`: *{key[2]}*  ")
        else:
            page.append(line.replace("      ", "  ", 1))
    return "\n".join(page)


def build(language: str, source: Path, output: Path, execute: bool) -> None:
    """Build the pages of one language. Raises CalledProcessError: there was an error or a warning."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += [] if execute else ["-D", "nb_execution_mode=off"]
    command += ["-d", str(source / f"doctrees-{language}"), str(source / "docs"), str(output / language)]
    home = source / "home"  # where the server of the tutorial keeps its files
    environment = {
        **os.environ,
        "SITE_LANGUAGE": language,
        "SITE_CACHE": str(output / ".cells"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
    }
    environment.pop("DEEPAW_HOME", None)
    try:
        subprocess.run(command, env=environment, check=True)
    finally:
        if (home / ".deepaw" / "server.sock").exists():  # its page failed before the end
            subprocess.run(["deepaw-server", "stop"], env=environment, check=False)


def main() -> None:
    """Build both languages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--no-run", action="store_true", help="show the code of the tutorials without results")
    options = parser.parse_args()
    output = options.folder.resolve()
    source = output.with_name(f"{output.name}-source")
    assemble(source)
    for language in ("en", "zh"):
        build(language, source, output, execute=not options.no_run)
    shutil.rmtree(output / "jupyter_execute", ignore_errors=True)  # notebooks, which no page links to
    (output / "index.html").write_text(REDIRECT)
    print(output / "index.html")


if __name__ == "__main__":
    main()
