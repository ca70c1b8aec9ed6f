"""`bio-paws publish`: a data set becomes a tagged release on the Hub, as a whole or not at all.

    verify -> copy that names its repository -> pull request: data and card, then the manifest
           -> check what arrived -> merge -> tag

Every step looks at what is there, does what is missing and looks again. So a step may be repeated: by a run that goes
on where another was killed, or because an answer was lost. Readers of `main` see the merge only, which is one change
of one reference; readers of the tag see nothing before all is done.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.errors import RepositoryNotFoundError

from bio_paws.dataset.card import write_card
from bio_paws.dataset.manifest import MANIFEST, read_manifest, write_manifest
from bio_paws.dataset.provenance import STATEMENT, data_files, fault_of_statement, sign
from bio_paws.dataset.versions import Difference, check_version, differences, parse_version
from bio_paws.errors import BioPawsError, CheckFailed, HubError
from bio_paws.execution.progress import steps
from bio_paws.release.hub_client import connected
from bio_paws.release.hub_repository import Release, Repository
from bio_paws.verify.files import check_files
from bio_paws_cards.files import GENERATED


@dataclass(frozen=True)
class Published:
    """A release on the Hub.

    Attributes
    ----------
    tag, commit : str
        Where it is to be had.
    already : bool
        Whether it was there before.
    """

    tag: str
    commit: str
    already: bool


@dataclass(frozen=True)
class Preview:
    """What `publish` would do.

    Attributes
    ----------
    tag : str
        The version.
    already : bool
        Whether exactly this is published under the tag.
    sent, deleted : tuple of str
        Files that would be sent or deleted.
    differences : list of Difference
        By config and split.
    """

    tag: str
    already: bool
    sent: tuple[str, ...]
    deleted: tuple[str, ...]
    differences: list[Difference]


def read_release(folder: Path, tag: str | None = None) -> Release:
    """Find the files of a data set, which must be those of its manifest.

    Raises
    ------
    BioPawsError
        When the folder holds no data set, or the tag is not its version.
    CheckFailed
        When a file is not: a file was added or changed, or the card, a figure or the signed statement is stale.
    """
    manifest = read_manifest(folder)
    named = f"v{manifest.version}"
    parse_version(named[1:])
    if tag not in {None, named}:
        raise BioPawsError(f"{folder}: holds version {named[1:]}: its tag is {named}, not {tag}")
    if violations := check_files(folder, manifest):
        raise CheckFailed(f"{folder}: {len(violations):,} violations, nothing was published: {violations[0]}")
    return Release(folder, manifest, named, tuple(data_files(folder)))


def page_of(repo_id: str) -> str:
    """Return the page of a repository on the Hub.

    Raises
    ------
    HubError
        When it is not of the form owner/name.
    """
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repo_id):
        raise HubError(f"{repo_id!r} is not the name of a repository: write it as owner/name")
    return f"{constants.ENDPOINT}/datasets/{repo_id}"


@contextmanager
def named_copy(release: Release, page: str, key: Path | None = None) -> Iterator[Release]:
    """Yield a release whose manifest, card and metadata name the repository that it is published in.

    It is a temporary folder, with links to the data: the folder of the data set is left as it is.

    Parameters
    ----------
    release : Release
        As `read_release` returns it.
    page : str
        As `page_of` returns it.
    key : Path, optional
        Ed25519 private key that the copy is signed with.

    Raises
    ------
    BioPawsError
        When the key cannot be used.
    CheckFailed
        When no key is given, and the data set holds a statement that is signed for another repository.
    """
    manifest = release.manifest.model_copy(update={"url": page})
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as home:
        folder = Path(home)
        for name in release.files:
            if name.split("/")[0] not in GENERATED | {MANIFEST}:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).symlink_to((release.folder / name).resolve())
        write_manifest(folder, manifest)
        write_card(folder, manifest)
        if key is not None:
            (folder / STATEMENT).unlink(missing_ok=True)
            sign(folder, key)
        elif fault_of_statement(folder):
            raise CheckFailed(
                f"{release.folder / STATEMENT}: not signed for {page}: sign with --sign, or remove the file"
            )
        yield Release(folder, manifest, release.tag, tuple(data_files(folder)))


def publish(repo_id: str, release: Release, *, private: bool = False) -> Published:
    """Publish a release that was verified.

    Parameters
    ----------
    repo_id : str
        ``owner/name``; made where it does not exist.
    release : Release
        What to publish, as `named_copy` makes it.
    private : bool
        Whether the repository is private.

    Raises
    ------
    BioPawsError
        When the Hub refuses or cannot be reached, when the tag exists with other content, when the version does not
        say what changed, or when others write meanwhile.
    CheckFailed
        When what arrived is not what was sent.
    """
    with connected(repo_id) as api, steps(f"publish {release.tag}", 5) as begin:
        hub = Repository(api, repo_id)
        begin("compare with the Hub")
        hub.create(private=private)
        references = hub.references()
        tagged = hub.published(release, references)
        if tagged:
            return Published(release.tag, tagged, True)
        main = references["refs/heads/main"]
        if hub.missing(release, main) != ((), ()):
            with hub.manifest(main) as (old, file):
                if old is not None:
                    changes = differences(
                        release.manifest.configs, old.configs, lambda name: release.folder / name, file
                    )
                    check_version(release.manifest, old, changes)
            number = hub.pull_request(release, main)
            begin("send what is not there")
            head = hub.upload(release, number)
            begin("load what arrived, and check it")
            hub.check(release, head)
            begin("merge")
            main = hub.merge(number)
            if hub.missing(release, main) != ((), ()):
                raise BioPawsError(f"{repo_id}: main was changed by others meanwhile, nothing was tagged: run again")
        else:
            begin("load what is there, and check it")
            hub.check(release, main)
        begin("tag")
        return Published(release.tag, hub.tag(release.tag, main), False)


def preview(repo_id: str, release: Release) -> Preview:
    """Say what `publish` would do; nothing is changed.

    Raises
    ------
    BioPawsError
        As `publish` does.
    """
    with connected(repo_id) as api:
        hub = Repository(api, repo_id)
        try:
            references = hub.references()
        except RepositoryNotFoundError:
            changes = differences(release.manifest.configs, {}, lambda name: release.folder / name, Path)
            return Preview(release.tag, False, release.files, (), changes)
        already = bool(hub.published(release, references))
        main = references["refs/heads/main"]
        sent, deleted = hub.missing(release, main)
        with hub.manifest(main) as (old, file):
            changes = differences(
                release.manifest.configs, old.configs if old else {}, lambda name: release.folder / name, file
            )
            if old is not None and not already and (sent or deleted):
                check_version(release.manifest, old, changes)
        return Preview(release.tag, already, sent, deleted, changes)
