"""Settings of Sphinx for both languages; `build_site.py` says which one by the environment variable SITE_LANGUAGE."""

import os

from deepaw import __version__

CHINESE = os.environ.get("SITE_LANGUAGE", "en") == "zh"

project = "DeePAW"
author = "The DeePAW developers"
release = version = __version__
language = "zh_CN" if CHINESE else "en"
root_doc = "zh/index" if CHINESE else "index"
exclude_patterns = [
    "README.md",
    "**/examples",
    *(["index.md", "guides.md", "tutorials", "reference"] if CHINESE else ["zh"]),
]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["misc.highlighting_failure"]  # json with comments, and commands beside their output

# every page of code is run, and one that fails fails the build
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_cache_path = os.environ.get("SITE_CACHE", "")
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
autoclass_content = "both"

html_theme = "pydata_sphinx_theme"
html_title = "DeePAW 文档" if CHINESE else "DeePAW"
html_show_sourcelink = False
html_copy_source = False
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "navbar_end": ["language", "theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}
