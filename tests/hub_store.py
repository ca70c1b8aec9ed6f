"""What the loopback Hub keeps: repositories of commits, references and pull requests, and the large files."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WHEN = "2026-01-01T00:00:00.000Z"
LARGE = (".parquet", ".safetensors", ".bin")  # what .gitattributes sends through LFS


def blob_id(data: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Blob:
    """A file; a large one is a pointer in git."""

    data: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def oid(self) -> str:
        return blob_id(self.pointer if self.large else self.data)

    def entry(self, path: str) -> dict[str, Any]:
        """Describe it as a tree does."""
        entry = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return entry


Files = dict[str, Blob]


@dataclass(frozen=True)
class Commit:
    """A state of all files, and the commits it came from."""

    files: Files
    parents: tuple[str, ...]
    message: str

    @property
    def id(self) -> str:
        digest = hashlib.sha1("\0".join((*self.parents, self.message)).encode())
        for path in sorted(self.files):
            digest.update(f"{path}\0{self.files[path].oid}\0".encode())
        return digest.hexdigest()


@dataclass
class PullRequest:
    """A discussion with a reference of its own."""

    num: int
    title: str
    author: str
    base: str
    status: str = "draft"
    merged: str | None = None


class Refused(Exception):
    """An answer that is no success: status, and the Hub's code or words."""

    def __init__(self, status: int, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Repository:
    """Commits and what points to them. All changes are made under one lock; commits never change."""

    name: str  # "datasets/tester/bioPAWS"
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)  # refs/heads/main, refs/tags/v1.0.0, refs/pr/1
    requests: list[PullRequest] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def resolve(self, revision: str) -> str:
        """Find a commit by its id, a branch, a tag or a full reference."""
        for name in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if name in self.references:
                return self.references[name]
        if revision in self.commits:
            return revision
        raise Refused(404, "Invalid rev id", "RevisionNotFound")

    def files(self, revision: str) -> Files:
        return self.commits[self.resolve(revision)].files

    def add(self, reference: str, files: Files, message: str, *others: str) -> str:
        """Put a commit on a reference."""
        with self.lock:
            parents = (self.references[reference], *others) if reference in self.references else others
            commit = Commit(files, parents, message)
            self.commits[commit.id] = commit
            self.references[reference] = commit.id
            return commit.id

    def writable(self, revision: str) -> str:
        """Return the full reference that a commit can be put on."""
        for name in (revision, f"refs/heads/{revision}"):
            if name in self.references and not name.startswith("refs/tags/"):
                return name
        raise Refused(404, "Invalid rev id", "RevisionNotFound")

    def tag(self, name: str, revision: str) -> None:
        with self.lock:
            if f"refs/tags/{name}" in self.references:
                raise Refused(409, f"Tag {name} already exists")
            self.references[f"refs/tags/{name}"] = self.resolve(revision)

    def branch(self, name: str, revision: str) -> None:
        with self.lock:
            if f"refs/heads/{name}" in self.references:
                raise Refused(409, f"Branch {name} already exists")
            self.references[f"refs/heads/{name}"] = self.resolve(revision)

    def open_request(self, title: str, author: str) -> PullRequest:
        with self.lock:
            request = PullRequest(len(self.requests) + 1, title, author, self.resolve("main"))
            self.requests.append(request)
            self.references[f"refs/pr/{request.num}"] = request.base
            return request

    def request(self, num: int) -> PullRequest:
        if not 1 <= num <= len(self.requests):
            raise Refused(404, "No such discussion")
        return self.requests[num - 1]

    def set_status(self, num: int, status: str) -> None:
        with self.lock:
            request = self.request(num)
            if request.status in {"merged", status}:
                raise Refused(400, f"This pull request is {request.status}")
            request.status = status

    def conflicts(self, request: PullRequest) -> list[str]:
        """Paths that both main and the request changed since they parted, otherwise."""
        base, main, head = self.files(request.base), self.files("main"), self.files(f"refs/pr/{request.num}")
        return sorted(
            path for path in {*base, *main, *head} if len({base.get(path), main.get(path), head.get(path)}) == 3
        )

    def merge(self, num: int) -> None:
        """Bring to main what a request changed, in one step."""
        with self.lock:
            request = self.request(num)
            if request.status != "open":
                raise Refused(400, f"This pull request is {request.status}")
            if self.conflicts(request):
                raise Refused(409, "This pull request has conflicts")
            base, head = self.files(request.base), self.files(f"refs/pr/{num}")
            files = dict(self.files("main"))
            for path in {*base, *head}:
                if base.get(path) != head.get(path):
                    files.pop(path, None)
                    files |= {path: head[path]} if path in head else {}
            request.merged = self.add(
                "refs/heads/main", files, f"{request.title} (#{num})", self.references[f"refs/pr/{num}"]
            )
            request.status = "merged"


def repository_of(name: str, folder: Path) -> Repository:
    """Make a repository of one commit that holds a folder's files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): Blob(path.read_bytes(), path.name.endswith(LARGE)) for path in paths}
    made = Repository(name)
    made.add("refs/heads/main", files, "initial commit")
    return made
