"""`bio-paws publish`: a data set becomes a tagged release on the Hub, as a whole or not at all.

    verify -> pull request: data and card, then the manifest -> check what arrived -> merge -> tag

Every step looks at what is there, does what is missing and looks again. So a step may be repeated: by a run that goes
on where another was killed, or because an answer was lost. Readers of `main` see the merge only, which is one change
of one reference; readers of the tag see nothing before all is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import RepositoryNotFoundError

from bio_paws.dataset.manifest import read_manifest
from bio_paws.dataset.provenance import data_files
from bio_paws.dataset.versions import Difference, check_version, differences, parse_version
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.release.hub_client import connected
from bio_paws.release.hub_repository import Release, Repository
from bio_paws.verify.files import check_files


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


def publish(repo_id: str, release: Release, *, private: bool = False) -> Published:
    """Publish a release that was verified.

    Parameters
    ----------
    repo_id : str
        ``owner/name``; made where it does not exist.
    release : Release
        What to publish.
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
    with connected(repo_id) as api:
        hub = Repository(api, repo_id)
        hub.create(private=private)
        references = hub.references()
        tagged = hub.published(release, references)
        if tagged:
            return Published(release.tag, tagged, True)
        main = references["refs/heads/main"]
        if hub.missing(release, main) != ((), ()):
            with hub.manifest(main) as (old, file):
                if old is not None:
                    found = differences(release.manifest.configs, old.configs, lambda name: release.folder / name, file)
                    check_version(release.manifest, old, found)
            number = hub.pull_request(release, main)
            hub.check(release, hub.upload(release, number))
            main = hub.merge(number)
            if hub.missing(release, main) != ((), ()):
                raise BioPawsError(f"{repo_id}: main was changed by others meanwhile, nothing was tagged: run again")
        else:
            hub.check(release, main)
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
            found = differences(release.manifest.configs, {}, lambda name: release.folder / name, Path)
            return Preview(release.tag, False, release.files, (), found)
        already = bool(hub.published(release, references))
        main = references["refs/heads/main"]
        sent, deleted = hub.missing(release, main)
        with hub.manifest(main) as (old, file):
            found = differences(
                release.manifest.configs, old.configs if old else {}, lambda name: release.folder / name, file
            )
            if old is not None and not already and (sent or deleted):
                check_version(release.manifest, old, found)
        return Preview(release.tag, already, sent, deleted, found)
