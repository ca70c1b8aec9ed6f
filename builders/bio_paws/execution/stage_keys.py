"""Keys of cached stages: digests of everything that a stage's result depends on, its own code included.

A key covers the source of the modules that a stage runs: the modules named and whatever they import from this project,
directly or indirectly. A change of any statement there gives a new key, so a stale result is never taken for a fresh
one; a change of a comment, of a docstring, or of a module that the stage does not import (the command line, a report)
keeps the key, so finished stages are kept too.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from bio_paws.execution.files import digest_of

BUILD_PACKAGES = ("biopython", "numpy", "parasail", "pyarrow", "rapidfuzz", "scikit-learn", "scipy")
"""Libraries whose version may show in the results of a build's stages; the manifest states them."""
SEARCH_PACKAGES = ("biopython", "numpy", "pyarrow")
"""Those of them that read the sources and search them for similar sequences."""

_PROJECT = ("bio_paws", "bio_paws_cards", "bio_paws_eval")


def stage_key(*modules: str, packages: Iterable[str] = (), values: Any = ()) -> str:
    """Return a digest of what a stage's result depends on.

    Parameters
    ----------
    *modules : str
        Names of the modules that do the work, as in ``"bio_paws.build.pipeline"``; what they import from the project is
        covered with them.
    packages : iterable of str
        Distributions whose installed version is covered. Python's own version always is.
    values : JSON-serialisable, optional
        Inputs and parameters of the stage.

    Returns
    -------
    str
        20 hexadecimal digits.

    Raises
    ------
    ModuleNotFoundError
        When there is no such module.
    """
    versions = {name: importlib.metadata.version(name) for name in packages}
    return digest_of(source_digest(*modules), platform.python_version(), versions, values)


def source_digest(*modules: str) -> str:
    """Return a digest of the source of modules and of whatever they import from the project.

    Imports are read from the source, those inside functions included, so nothing is imported here.

    Raises
    ------
    ModuleNotFoundError
        When there is no such module.
    """
    roots = {*_PROJECT, *(name.partition(".")[0] for name in modules)}
    digests: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in digests:
            continue
        path = _path_of(name)
        if path is None:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
        digests[name], imports = _parse(path, name)
        # `from package import name` may import a module or take a name of the package: both are tried.
        for package, member in imports:
            if package.partition(".")[0] in roots:
                is_module = member is not None and _path_of(f"{package}.{member}") is not None
                waiting.append(f"{package}.{member}" if is_module else package)
    return digest_of(sorted(digests.items()))


def _folder_of(root: str) -> Path | None:
    """Return the folder of a top-level package."""
    spec = importlib.util.find_spec(root)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _path_of(module: str) -> Path | None:
    """Return the source file of a module; None where there is none.

    `importlib.util.find_spec` would import the packages above the module, and with them heavy libraries: it is asked
    about top-level packages only.
    """
    root, *parts = module.split(".")
    folder = _folder_of(root)
    if folder is None:
        return None
    stem = folder.joinpath(*parts)
    return next((path for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")) if path.is_file()), None)


@lru_cache(maxsize=1024)  # a process reads each file once: its code does not change while it runs
def _parse(path: Path, module: str) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """Return the digest of a module's statements, and what it imports: package, and name in it or None."""
    tree = _StripText().visit(ast.parse(path.read_bytes(), filename=str(path)))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return digest, tuple(dict.fromkeys(_imports(tree, package)))


class _StripText(ast.NodeTransformer):
    """Removes what never changes a result: docstrings, and imports for type checkers only."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from ((source, alias.name) for alias in node.names)
