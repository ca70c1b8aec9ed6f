"""Keys of cached stages: they change with whatever a stage runs, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bio_paws.execution import stage_keys
from bio_paws.execution.stage_keys import source_digest, stage_key

FILES = {
    "__init__.py": "",
    "build.py": '"""Build."""\nfrom toy_stage import search\n'
    "from toy_stage.tools.names import label\n\n\ndef build():\n"
    '    """Run."""\n    from toy_stage import late\n\n    return search.find(label) + late.step()  # in this order\n',
    "search.py": "def find(label):\n    return 1\n",
    "late.py": "import json\n\n\ndef step():\n    return 2\n",
    "cli.py": "from toy_stage import build\n\nprint(build)\n",
    "tools/__init__.py": "",
    "tools/names.py": 'import toy_stage.tools.deep\n\nlabel = "a"\n"""A label."""\n',
    "tools/deep.py": "from .names import label\n\nVALUE = 3\n",
}
"""A package whose module `build` imports all others but `cli`: one of them in a function, two in a circle."""


def digest(folder: Path, file: str = "build.py", old: str = "", new: str = "") -> str:
    """Write the package with one replacement in one of its files, and return the digest of `build`."""
    for name, text in FILES.items():
        path = folder / "toy_stage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if name == file and old else text)
    assert old in FILES[file]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return source_digest("toy_stage.build")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("build.py", "# in this order", "# in that order"),
        ("build.py", '"""Build."""', '"""Build a data set."""'),
        ("build.py", '"""Run."""\n', "\n"),
        ("tools/names.py", '"""A label."""', '"""A label of pairs."""'),
        ("cli.py", "print(build)", "print(build, 1)"),
    ],
)
def test_comments_docstrings_and_modules_that_are_not_imported_keep_the_digest(
    file: str, old: str, new: str, tmp_path: Path
) -> None:
    assert digest(tmp_path / "changed", file, old, new) == digest(tmp_path / "first")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("build.py", "search.find(label) + late.step()", "late.step() + search.find(label)"),
        ("search.py", "return 1", "return 2"),
        ("late.py", "return 2", "return 3"),
        ("tools/names.py", 'label = "a"', 'label = "b"'),
        ("tools/deep.py", "VALUE = 3", "VALUE = 4"),
    ],
)
def test_a_statement_of_any_imported_module_changes_the_digest(file: str, old: str, new: str, tmp_path: Path) -> None:
    assert digest(tmp_path / "changed", file, old, new) != digest(tmp_path / "first")


def test_packages_and_values_change_the_key() -> None:
    module = "bio_paws.align.smith_waterman"
    keys = {
        stage_key(module),
        stage_key(module, packages=("numpy",)),
        stage_key(module, packages=("numpy", "scipy")),
        stage_key(module, values=[1]),
        stage_key(module, values=[2]),
        stage_key("bio_paws.align.translation"),
    }
    assert len(keys) == 6
    assert stage_key(module, values=[1]) in keys


@pytest.mark.parametrize(
    ("module", "searches_again"),
    [
        ("bio_paws.build.partition", False),
        ("bio_paws.build.candidate_windows", False),
        ("bio_paws.build.pair_filter", False),
        ("bio_paws.configs", False),
        ("bio_paws.build.similarity_search", True),
        ("bio_paws.search.engines", True),
        ("bio_paws.sequences.fasta", True),
    ],
)
def test_searches_are_kept_when_only_what_is_made_of_them_changes(
    module: str, searches_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, build = "bio_paws.build.similarity_search", "bio_paws.build.pipeline"
    before = source_digest(searches), source_digest(build)
    parse = stage_keys._parse

    def changed(path: Path, name: str) -> tuple[str, tuple[tuple[str, str | None], ...]]:
        digest, imports = parse(path, name)
        return ("changed" if name == module else digest), imports

    monkeypatch.setattr(stage_keys, "_parse", changed)
    assert (source_digest(searches) != before[0]) == searches_again
    assert source_digest(build) != before[1]


def test_a_module_that_is_missing_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"bio_paws\.build\.missing"):
        source_digest("bio_paws.build.missing")


def test_no_module_is_imported_for_its_digest() -> None:
    program = (
        "import sys\n"
        "from bio_paws.execution.stage_keys import source_digest\n"
        "source_digest('bio_paws.build.pipeline', 'bio_paws_eval.runs.run')\n"
        "print({'bio_paws.build', 'bio_paws_eval', 'torch', 'parasail'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
