"""Sphinx configuration. `make docs` builds the site into `docs/_build`, with warnings as errors."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

import bio_paws
import bio_paws_cards
import bio_paws_eval

ROOT = Path(__file__).parents[1]
VERBS = {
    "The data set": ("list", "inspect", "build", "show", "verify", "audit", "card", "install", "publish"),
    "Evaluation": ("eval", "sweep", "baselines", "report", "pretrain", "unpack", "vectors", "summarize", "harness"),
}

project = "bioPAWS"
author = "The bioPAWS developers"
copyright = "the bioPAWS developers"
release = version_of("bio-paws")

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "extra", "explanation/reference-answer.md"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
# Generated parts are included by pages, and short names such as `pairs` stand for attributes of several classes.
suppress_warnings = ["toc.not_included", "myst.header", "ref.python"]

apidoc_modules = [
    {
        "path": str(ROOT / source),
        "destination": f"reference/api/{Path(source).name}",
        "separate_modules": False,
        "module_first": True,
    }
    for source in ("builders/bio_paws", "cards/bio_paws_cards", "evaluate/bio_paws_eval")
]
autodoc_default_options = {"members": True, "show-inheritance": True}
toc_object_entries = False  # every page would list every member: minutes of a build
autodoc_typehints = "none"  # the signatures show them
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"

html_extra_path = ["extra"]  # the leaderboard, a page of its own
html_static_path = ["static"]
html_css_files = ["wide-tables.css"]
html_theme = "furo"
html_title = "bioPAWS"


def import_all_modules(_: Sphinx) -> None:
    """Import everything before autodoc does: it annotates pydantic's BaseModel, which then refuses models like ours."""
    for package in (bio_paws, bio_paws_cards, bio_paws_eval):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def write_generated_pages(_: Sphinx) -> None:
    """Write the page that is derived from the command line."""
    generated = ROOT / "docs/reference/generated"
    generated.mkdir(exist_ok=True)
    parts = []
    for title, verbs in VERBS.items():
        parts.append(f"## {title}\n")
        parts += [f"### {verb}\n\n```text\n{_help(verb)}```\n" for verb in verbs]
    (generated / "verbs.md").write_text("\n".join(parts))


def _help(verb: str) -> str:
    command = [sys.executable, "-m", "bio_paws.cli", verb, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "100"}).stdout


def copy_results(app: Sphinx, error: Exception | None) -> None:
    """Copy the reference results, whose predictions the leaderboard links to."""
    if error is None:
        shutil.copytree(ROOT / "results/reference", app.outdir / "results/reference", dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    """Register what runs before the pages are read, and after they are written."""
    app.connect("builder-inited", import_all_modules)
    app.connect("builder-inited", write_generated_pages)
    app.connect("build-finished", copy_results)
