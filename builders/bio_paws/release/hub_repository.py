"""A data set's repository on the Hub: each step looks at what is there, does what is missing, and looks again."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

from bio_paws.dataset.manifest import MANIFEST, parse_manifest
from bio_paws.dataset.provenance import STATEMENT
from bio_paws.errors import CheckFailed, HubError
from bio_paws.execution.files import sha256_of
from bio_paws.release.reload import reloaded_hashes
from bio_paws_cards.files import CARD
from bio_paws_cards.manifest import Manifest

logger = logging.getLogger(__name__)

_KIND = "dataset"
_OF_THE_HUB = ".gitattributes"  # the Hub writes it when a repository is made
_TITLE = "bio-paws: publish"
_LOOKS = 5
_AGAIN = frozenset({400, 409, 412})
"""What the Hub answers when a change is there already, or what it builds on has moved: look again."""


@dataclass(frozen=True)
class Release:
    """A data set that is to be published.

    Attributes
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        Its manifest.
    tag : str
        Its version, as in ``v1.0.0``.
    files : tuple of str
        All its files but hidden ones, relative to the folder.
    """

    folder: Path
    manifest: Manifest
    tag: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Repository:
    """A data set's repository on the Hub."""

    api: HfApi
    id: str

    def create(self, *, private: bool) -> None:
        """Make it where it is missing."""
        self.api.create_repo(self.id, repo_type=_KIND, private=private, exist_ok=True)
        if private and not self.api.dataset_info(self.id).private:
            raise HubError(f"{self.id}: is public: make it private in its settings, or leave out --private")

    def references(self) -> dict[str, str]:
        """Return the commit of every branch, tag and pull request, by full name."""
        repo_refs = self.api.list_repo_refs(self.id, repo_type=_KIND, include_pull_requests=True)
        every = (*repo_refs.branches, *repo_refs.tags, *(repo_refs.pull_requests or ()))
        return {ref.ref: ref.target_commit for ref in every}

    def missing(self, release: Release, revision: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the files that a revision lacks or holds otherwise, and those that it holds beyond the release."""
        tree = self.api.list_repo_tree(self.id, recursive=True, revision=revision, repo_type=_KIND)
        there = {file.path: file for file in tree if isinstance(file, RepoFile) and file.path != _OF_THE_HUB}
        lacking = [name for name in release.files if not _same(release.folder / name, there.get(name))]
        return tuple(lacking), tuple(sorted(set(there) - set(release.files)))

    def published(self, release: Release, references: dict[str, str]) -> str | None:
        """Return the commit that is tagged with the release's version; it must hold exactly the release."""
        commit = references.get(f"refs/tags/{release.tag}")
        # A statement may be there that an earlier run signed.
        if commit is not None and self.missing(release, commit) not in {((), ()), ((), (STATEMENT,))}:
            raise HubError(
                f"{self.id}: {release.tag} is published with other content, and a version is never overwritten: "
                "build under a new one (DATA_VERSION in configs.py)"
            )
        return commit

    @contextmanager
    def manifest(self, revision: str) -> Iterator[tuple[Manifest | None, Callable[[str], Path]]]:
        """Yield the manifest of a revision, None where it is empty, and what fetches its files for the block."""
        stored = {
            file.path
            for file in self.api.list_repo_tree(self.id, revision=revision, repo_type=_KIND)
            if file.path not in {_OF_THE_HUB, CARD}
        }
        with tempfile.TemporaryDirectory(prefix="bio-paws-") as cache:

            def file(name: str) -> Path:
                return Path(
                    self.api.hf_hub_download(self.id, name, repo_type=_KIND, revision=revision, cache_dir=cache)
                )

            old = None
            if stored:
                if MANIFEST not in stored:
                    raise HubError(f"{self.id}: holds files that are not a bioPAWS data set: choose another repository")
                where = f"{self.id}: {MANIFEST} at {revision}"
                old = parse_manifest(file(MANIFEST).read_bytes(), where, "choose another repository, or mend it there")
            yield old, file

    def pull_request(self, release: Release, main: str) -> int:
        """Return our pull request of this release onto this commit; others of ours that are open are closed.

        Only our own are taken: whoever made one can write to it, also after it was checked.
        """
        title = f"{_TITLE} {release.tag} onto {main[:12]}"
        user = self.api.whoami()["name"]
        for _ in range(_LOOKS):
            every = self.api.get_repo_discussions(self.id, repo_type=_KIND, author=user, discussion_type="pull_request")
            ours = sorted(
                (
                    request
                    for request in every
                    if request.status in {"open", "draft"} and request.title.startswith(_TITLE)
                ),
                key=lambda request: request.num,
            )
            fitting = [our for our in ours if our.title == title]
            for request in ours:
                if request not in fitting[:1]:
                    with _look_again():
                        self.api.change_discussion_status(self.id, request.num, "closed", repo_type=_KIND)
            if fitting:
                return fitting[0].num
            self.api.create_pull_request(self.id, title, repo_type=_KIND, description=f"Release {release.tag}.")
        raise HubError(f"{self.id}: no pull request can be opened: run again later")

    def upload(self, release: Release, number: int) -> str:
        """Bring a pull request to the release's content, the manifest last; return its commit."""
        reference = f"refs/pr/{number}"
        for look in range(_LOOKS):
            head = self.references()[reference]
            sent, deleted = self.missing(release, head)
            if not sent and not deleted:
                return head
            # The manifest names what must be there: it comes when that is so.
            now = [name for name in sent if name != MANIFEST] or list(sent)
            operations: list[CommitOperationAdd | CommitOperationDelete] = [
                CommitOperationAdd(name, release.folder / name) for name in now
            ]
            operations += [CommitOperationDelete(name, is_folder=False) for name in deleted]
            logger.info("%s: sending %d files to %s, deleting %d", self.id, len(now), reference, len(deleted))
            with _look_again(last=look == _LOOKS - 1):
                self.api.create_commit(
                    self.id,
                    operations,
                    commit_message=f"{release.tag}: {'manifest' if now == [MANIFEST] else 'data and card'}",
                    repo_type=_KIND,
                    revision=reference,
                    parent_commit=head,
                )
        raise HubError(f"{self.id}: others write to {reference} meanwhile: close it, and run again")

    def check(self, release: Release, commit: str) -> None:
        """Check a commit against the release: every file by its checksum, every row as a stranger loads it."""
        comparison = self.api.verify_repo_checksums(self.id, repo_type=_KIND, revision=commit, local_dir=release.folder)
        wrong = [mismatch["path"] for mismatch in comparison.mismatches]
        wrong += [name for name in comparison.missing_paths if name != _OF_THE_HUB]
        wrong += sorted(set(comparison.extra_paths) & set(release.files))
        if wrong:
            raise CheckFailed(f"{self.id}: {wrong[0]} at {commit} is not what was sent: run again")
        loaded = reloaded_hashes(self.id, commit, tuple(release.manifest.configs))
        for name, entry in release.manifest.configs.items():
            if loaded[name] != entry.content_sha256:
                raise CheckFailed(f"{self.id}: {name} loads from {commit} with other content than {MANIFEST} says")

    def merge(self, number: int) -> str:
        """Merge a pull request and return the commit of main."""
        for look in range(_LOOKS):
            request = self.api.get_discussion_details(self.id, number, repo_type=_KIND)
            if request.status == "merged":
                return request.merge_commit_oid or self.references()["refs/heads/main"]
            with _look_again(last=look == _LOOKS - 1):
                if request.status == "draft":
                    self.api.change_discussion_status(self.id, number, "open", repo_type=_KIND)
                else:
                    self.api.merge_pull_request(self.id, number, repo_type=_KIND)
        raise HubError(f"{self.id}: pull request {number} cannot be merged: look at it on the Hub, and run again")

    def tag(self, tag: str, commit: str) -> str:
        """Tag a commit and return it."""
        with _look_again():
            self.api.create_tag(self.id, tag=tag, revision=commit, repo_type=_KIND)
        tagged = self.references().get(f"refs/tags/{tag}")
        if tagged != commit:
            raise HubError(f"{self.id}: {tag} is {tagged or 'not there'}, not {commit}: others published meanwhile")
        return commit


@contextmanager
def _look_again(*, last: bool = False) -> Iterator[None]:
    """Let pass what the Hub answers when a change has been made already: the caller looks at what is there."""
    try:
        yield
    except HfHubHTTPError as error:
        if last or error.response.status_code not in _AGAIN:
            raise
        logger.debug("looking again: %s", error.server_message or error)


def _same(path: Path, there: RepoFile | None) -> bool:
    """Whether a file has the content of one on the Hub: by SHA-256 where it is an LFS file, else by git's blob id."""
    if there is None or there.size != path.stat().st_size:
        return False
    if there.lfs is not None:
        return there.lfs.sha256 == sha256_of(path)
    data = path.read_bytes()
    return there.blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
