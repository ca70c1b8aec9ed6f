"""Whether the files of a data set are those of its manifest: told from bytes alone, before any row is looked at.

Whoever changes a file must change the manifest, and then the card, which names the manifest's digest. Done well, that
is another data set, whose rows must hold what `checks` recomputes. Whether it is the one that was published, only a
signature tells: `provenance`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bio_paws.dataset.card import differing_files, render_files
from bio_paws.dataset.manifest import MANIFEST, is_canonical
from bio_paws.dataset.own_files import own_files
from bio_paws.dataset.provenance import STATEMENT, data_files, fault_of_statement, is_hidden
from bio_paws.errors import BioPawsError
from bio_paws.execution.files import sha256_of
from bio_paws.verify.violations import Violation
from bio_paws_cards.manifest import Manifest

_STALE = "is not what this version of bio-paws renders from the manifest and the rows: run bio-paws card"


def check_files(folder: Path, manifest: Manifest) -> list[Violation]:
    """Check that a data set's files are byte by byte what its manifest says, and that there are no others.

    Hidden files, as `.gitattributes` of the Hub, are not part of a data set.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.

    Returns
    -------
    list of Violation
        Empty when all is well. What is rendered or signed is looked at only where the rest is as it should be.
    """
    return list(_check_data(folder, manifest)) or list(_check_derived(folder, manifest))


def _check_data(folder: Path, manifest: Manifest) -> Iterator[Violation]:
    if not is_canonical((folder / MANIFEST).read_bytes()):
        yield Violation("FILE001", "", "", "", f"{MANIFEST}: is not as bio-paws writes it")
    for name, entry in manifest.configs.items():
        for split, split_entry in entry.splits.items():
            path = folder / split_entry.file
            if not path.is_file():
                yield Violation("FILE002", name, split, "", f"cannot be read: {split_entry.file} is missing")
            elif path.stat().st_size != split_entry.bytes or sha256_of(path) != split_entry.sha256:
                yield Violation("FILE003", name, split, "", f"{split_entry.file}: size or sha256 is not the manifest's")
    own = own_files(manifest)
    for name in data_files(folder):
        if name not in own:
            yield Violation("FILE004", "", "", "", f"{name}: is not a file of the data set: move it away")
    yield from _check_entries(folder)


def _check_entries(folder: Path) -> Iterator[Violation]:
    """Yield what is neither a file nor a folder that holds one: copies of the data set would differ by it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if is_hidden(name):
            continue
        if path.is_symlink():
            yield Violation("FILE009", "", "", "", f"{name}: is a link: put what it leads to in its place")
        elif path.is_dir():
            if not any(path.iterdir()):
                yield Violation("FILE010", "", "", "", f"{name}: is an empty folder: remove it")
        elif not path.is_file():
            yield Violation("FILE009", "", "", "", f"{name}: is neither a file nor a folder: move it away")


def _check_derived(folder: Path, manifest: Manifest) -> Iterator[Violation]:
    yield from check_card(folder, manifest)
    if fault := fault_of_statement(folder):
        yield Violation("FILE007", "", "", "", f"{STATEMENT}: {fault}")


def check_card(folder: Path, manifest: Manifest) -> list[Violation]:
    """Return a violation for each file that is stale, or one that says why none could be rendered to compare it."""
    try:
        stale = differing_files(folder, render_files(folder, manifest))
    except BioPawsError as error:
        return [Violation("FILE006", "", "", "", f"card and figures cannot be compared: {error}")]
    return [Violation("FILE005", "", "", "", f"{name} {_STALE}") for name in stale]
