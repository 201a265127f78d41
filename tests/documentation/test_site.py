"""The site is built without warnings in both languages, and asks no other host for anything."""

import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from documentation.pages import NAMES, ROOT


@pytest.mark.parametrize("folder", ["docs", "docs/zh"])
def test_every_guide_is_in_the_list(folder):
    listed = set(
        re.findall(r"(?<=[\n</])[\w-]+(?=>?\n)", (ROOT / folder / "guides.md").read_text().split("```{toctree}")[1])
    )
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README", "index", "guides"} == listed


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site with the code of the tutorials unrun: they have tests of their own."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, str(ROOT / "docs" / "build_site.py"), str(folder), "--no-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_pages_are_there(site):
    assert "en/index.html" in (site / "index.html").read_text()
    for name in NAMES:
        assert (site / "en" / "tutorials" / f"{name}.html").exists()
        assert (site / "zh" / "zh" / "tutorials" / f"{name}.html").exists()
    assert "numb_steps" in (site / "en" / "reference" / "potential-input.html").read_text()
    assert "eval_descriptor" in (site / "zh" / "zh" / "reference" / "python.html").read_text()


@pytest.mark.slow
def test_links_to_the_other_language_lead_to_pages(site):
    pages = [page for language in ("en", "zh") for page in (site / language).rglob("*.html")]
    checked = 0
    for page in pages:
        for target in re.findall(r'<a class="nav-link" href="([^"]+)">(?:English|中文)</a>', page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
            checked += 1
    assert checked >= 2 * len(NAMES)


@pytest.mark.slow
def test_nothing_comes_from_other_hosts(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        sources = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="([^"]+)"', text)
        sources += re.findall(r'<link[^>]*rel="(?:stylesheet|preload|icon)"[^>]*href="([^"]+)"', text)
        sources += re.findall(r'<link[^>]*href="([^"]+)"[^>]*rel="(?:stylesheet|preload|icon)"', text)
        assert not [source for source in sources if urlsplit(source).netloc], page
