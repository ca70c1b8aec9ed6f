"""A loopback server that gives out repositories as the Hub does: info, trees, files with ranges, one commit each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from loopback import QuietHandler, listening

NO_ENTRY = {"X-Error-Code": "EntryNotFound"}


@dataclass
class HubServer:
    """What it gives out and what it was asked."""

    url: str = ""
    repositories: dict[str, Path] = field(default_factory=dict)  # "models/a/b" or "datasets/a/b" -> folder
    requests: list[str] = field(default_factory=list)

    def commit(self, name: str) -> str:
        """The one commit of a repository: it follows from its files."""
        digest = hashlib.sha1()
        for path in self.files(name):
            digest.update(path.encode() + (self.repositories[name] / path).read_bytes())
        return digest.hexdigest()

    def files(self, name: str) -> list[str]:
        folder = self.repositories[name]
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def entry(self, name: str, file: str) -> dict[str, Any]:
        data = (self.repositories[name] / file).read_bytes()
        return {"type": "file", "path": file, "size": len(data), "oid": blob_id(data)}

    def tree(self, name: str, under: str, *, recursive: bool) -> list[dict[str, Any]]:
        """Files and folders beneath a folder, or right in it."""
        prefix = f"{under}/" if under else ""
        files = [one for one in self.files(name) if one.startswith(prefix)]
        folders = {str(parent) for one in files for parent in Path(one).parents if str(parent) != "."}
        entries = [self.entry(name, one) for one in files]
        entries += [{"type": "directory", "path": one, "size": 0, "oid": "0" * 40} for one in sorted(folders)]
        below = [one for one in entries if one["path"].startswith(prefix) and one["path"] != under]
        return [one for one in below if recursive or "/" not in one["path"].removeprefix(prefix)]


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def blob_id(data: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving(**repositories: Path) -> Iterator[HubServer]:
    """Serve folders; names are written ``models__user__name``."""
    server = HubServer(repositories={name.replace("__", "/"): folder for name, folder in repositories.items()})

    class Handler(QuietHandler):
        def do_HEAD(self) -> None:
            self.respond(with_body=False)

        def do_GET(self) -> None:
            self.respond(with_body=True)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            parts = self.parts()
            name = "/".join(parts[1:4])
            if parts[0] == "api" and "paths-info" in parts and self.known(name, parts[5]):
                wanted = json.loads(body)["paths"] if body.startswith("{") else [
                    unquote(one.split("=", 1)[1]) for one in body.split("&") if one.startswith("paths=")
                ]  # fmt: skip
                self.answer(200, dump([server.entry(name, one) for one in wanted if one in server.files(name)]))
            else:
                self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

        def parts(self) -> list[str]:
            server.requests.append(f"{self.command} {self.path}")
            return [unquote(one) for one in urlparse(self.path).path.strip("/").split("/")]

        def known(self, name: str, revision: str) -> bool:
            return name in server.repositories and revision in {"main", server.commit(name)}

        def respond(self, *, with_body: bool) -> None:
            parts = self.parts()
            if parts[0] == "api":
                self.api(parts[1:])
                return
            kind = "datasets" if parts[0] == "datasets" else "models"
            owner, repository, _, revision, *path = parts[1:] if kind == "datasets" else parts
            name, file = f"{kind}/{owner}/{repository}", "/".join(path)
            if not self.known(name, revision):
                code = "RevisionNotFound" if name in server.repositories else "RepoNotFound"
                self.answer(404, b"", {"X-Error-Code": code})
            elif file not in server.files(name):
                self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": server.commit(name)})
            else:
                self.file(name, file, with_body=with_body)

        def api(self, parts: list[str]) -> None:
            name = "/".join(parts[:3])
            revision = parts[4] if len(parts) > 4 else "main"
            if not self.known(name, revision):
                code = "RevisionNotFound" if name in server.repositories else "RepoNotFound"
                self.answer(404, b"{}", {"X-Error-Code": code})
            elif parts[3:4] == ["tree"]:
                recursive = parse_qs(urlparse(self.path).query).get("recursive", ["false"])[0].lower() == "true"
                entries = server.tree(name, "/".join(parts[5:]), recursive=recursive)
                self.answer(200 if entries else 404, dump(entries or {}), {} if entries else NO_ENTRY)
            else:
                siblings = [{"rfilename": one} for one in server.files(name)]
                commit = server.commit(name)
                self.answer(200, dump({"id": "/".join(parts[1:3]), "sha": commit, "siblings": siblings}))

        def file(self, name: str, file: str, *, with_body: bool) -> None:
            data = (server.repositories[name] / file).read_bytes()
            headers = {"X-Repo-Commit": server.commit(name), "ETag": f'"{blob_id(data)}"', "Accept-Ranges": "bytes"}
            wanted = self.headers.get("Range")
            if wanted and with_body:
                first, last = wanted.removeprefix("bytes=").split("-")
                part = data[int(first) : int(last) + 1 if last else None]
                headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
                self.answer(206, part, headers)
            else:
                self.answer(200, data, headers)

    with listening(Handler) as url:
        server.url = url
        yield server
