"""A loopback Hub: speaks what huggingface_hub sends to read and to publish, and fails when it is told to.

Large files are given out by another host name, `localhost`, as the Hub leaves them to its storage.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from hub_store import LARGE, WHEN, Blob, PullRequest, Refused, Repository, repository_of
from loopback import QuietHandler, listening

USER = "tester"
READER = "reader"
_CHANGES = ("POST", "PUT", "DELETE")


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


@dataclass
class Failures:
    """What share of requests fails, and how; `stall` is how long a stalled one is left without a byte.

    `at` is called with the number of each request, once before and once after it is carried out. A reader that calls
    itself `READER` is spared.
    """

    share: float = 0.0
    kinds: tuple[str, ...] = ("429", "500", "reset", "truncated", "stall")
    stall: float = 1.0
    random: random.Random = field(default_factory=lambda: random.Random(0))
    made: list[str] = field(default_factory=list)
    at: Callable[[int, bool], None] = lambda number, done: None
    number: int = 0

    def draw(self) -> tuple[str, bool]:
        """Return a kind of failure, "" for none, and whether the request is carried out nevertheless."""
        if self.random.random() >= self.share:
            return "", True
        kind = self.random.choice(self.kinds)
        self.made.append(kind)
        return kind, kind == "truncated" or (kind != "429" and self.random.random() < 0.5)


@dataclass
class HubServer:
    """What it keeps and what it was asked."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)  # "models/a/b" or "datasets/a/b"
    storage: dict[str, bytes] = field(default_factory=dict)  # large files by their SHA-256
    tokens: set[str] = field(default_factory=set)  # who may write
    failures: Failures = field(default_factory=Failures)
    requests: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)  # requests to the storage that carried a token
    lock: threading.Lock = field(default_factory=threading.Lock)

    def commit(self, name: str) -> str:
        """The commit of main."""
        return self.repositories[name].resolve("main")

    def repository(self, name: str) -> Repository:
        if name not in self.repositories:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return self.repositories[name]


@contextmanager
def serving(**folders: Path) -> Iterator[HubServer]:
    """Serve folders; names are written ``models__user__name``."""
    names = {name.replace("__", "/"): folder for name, folder in folders.items()}
    server = HubServer(repositories={name: repository_of(name, folder) for name, folder in names.items()})
    for repository in server.repositories.values():
        server.storage |= {file.sha256: file.data for file in repository.files("main").values() if file.large}

    class Handler(HubHandler):
        hub = server

    with listening(Handler) as url:
        server.url = url
        yield server


class HubHandler(QuietHandler):
    """Finds the route, asks it for an answer, and spoils that when it is to fail."""

    hub: HubServer

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub = self.hub
        if self.headers.get("User-Agent") == READER:
            answer = self.carry_out(body)
            self.answer(answer.status, answer.body, answer.headers)
            return
        with hub.lock:
            hub.requests.append(f"{self.command} {self.path}")
            failure, carried_out = hub.failures.draw()
            hub.failures.number += 1
            number = hub.failures.number
        hub.failures.at(number, False)
        answer = self.carry_out(body) if carried_out else Answer(200)
        hub.failures.at(number, True)
        if failure in {"429", "500"}:
            # A careless server: it gives back what it was sent.
            echo = {"X-Error-Message": f"no {self.headers.get('Authorization')}"}
            self.answer(int(failure), b"{}", echo | ({"Retry-After": "0"} if failure == "429" else {}))
        elif failure == "stall":
            threading.Event().wait(hub.failures.stall)
            self.hang_up()
        elif failure == "reset":
            self.hang_up()
        elif failure == "truncated" and len(answer.body) > 1 and self.command != "HEAD":
            self.send_response(answer.status)
            for name, value in (answer.headers | {"Content-Length": str(len(answer.body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.close_connection = True
        else:
            self.answer(answer.status, answer.body, answer.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def hang_up(self) -> None:
        """Reset the connection, without a closing handshake."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def carry_out(self, body: bytes) -> Answer:
        address = urlparse(self.path)
        path = "/".join(unquote(part).replace("/", "%2F") for part in address.path.split("/"))
        self.query = {name: values[0] for name, values in parse_qs(address.query).items()}
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and path.startswith("/storage/"):
            self.hub.leaks.append(f"{self.command} {self.path}")
        try:
            if token and token not in self.hub.tokens:
                raise Refused(401, "Invalid credentials in Authorization header")
            for pattern, route in ROUTES:
                match = re.fullmatch(f"(GET|HEAD) {pattern}" if pattern.startswith("/") else pattern, f"{self.command} {path}")  # noqa: E501 # fmt: skip
                if match is None:
                    continue
                if self.command in _CHANGES and not token and "storage" not in pattern:
                    raise Refused(401, "Log in first")
                parts = {k: v.replace("%2F", "/") for k, v in match.groupdict(default="").items()}
                if "name" in parts and self.hub.repositories.get(parts["name"]) and not token:
                    self.hide_private(parts["name"])
                return route(self, body, **parts)
            raise Refused(404, f"no such route: {self.command} {path}")
        except Refused as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            return json_answer({"error": refused.message}, refused.status, **code)

    def hide_private(self, name: str) -> None:
        if self.hub.repositories[name].private:
            raise Refused(404, "Repository not found", "RepoNotFound")

    # Reading

    def whoami(self, _: bytes) -> Answer:
        if "Authorization" not in self.headers:
            raise Refused(401, "Log in first")
        return json_answer({"type": "user", "name": USER})

    def info(self, _: bytes, name: str, revision: str = "main") -> Answer:
        repository = self.hub.repository(name)
        files = repository.files(revision or "main")
        return json_answer(
            {
                "id": name.split("/", 1)[1],
                "sha": repository.resolve(revision or "main"),
                "private": repository.private,
                "siblings": [{"rfilename": file} for file in sorted(files)],
            }
        )

    def tree(self, _: bytes, name: str, revision: str, under: str) -> Answer:
        files = self.hub.repository(name).files(revision)
        prefix = f"{under}/" if under else ""
        folders = {str(parent) for file in files for parent in Path(file).parents if str(parent) != "."}
        entries = [files[file].entry(file) for file in sorted(files)]
        entries += [{"type": "directory", "path": folder, "size": 0, "oid": "0" * 40} for folder in sorted(folders)]
        recursive = self.query.get("recursive", "false").lower() == "true"
        below = [entry for entry in entries if entry["path"].startswith(prefix) and entry["path"] != under]
        shown = [entry for entry in below if recursive or "/" not in entry["path"].removeprefix(prefix)]
        if under and not shown:
            raise Refused(404, "no such folder", "EntryNotFound")
        return json_answer(shown)

    def paths_info(self, body: bytes, name: str, revision: str) -> Answer:
        files = self.hub.repository(name).files(revision)
        text = body.decode()
        wanted = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
        return json_answer([files[path].entry(path) for path in wanted if path in files])

    def refs(self, _: bytes, name: str) -> Answer:
        references: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
        kinds = {"refs/heads/": "branches", "refs/tags/": "tags", "refs/pr/": "pullRequests"}
        for reference, commit in sorted(self.hub.repository(name).references.items()):
            prefix = next(kind for kind in kinds if reference.startswith(kind))
            references[kinds[prefix]].append(
                {"name": reference.removeprefix(prefix), "ref": reference, "targetCommit": commit}
            )
        if "include_prs" not in self.query:
            del references["pullRequests"]
        return json_answer(references)

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> Answer:
        repository = self.hub.repository(name.removeprefix("/") if name.startswith("datasets/") else f"models/{name}")
        self.hide_private(repository.name) if "Authorization" not in self.headers else None
        commit = repository.resolve(revision)
        blob = repository.files(revision).get(path)
        if blob is None:
            return Answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        if blob.large:
            size = len(blob.data)
            headers = {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(size), "X-Repo-Commit": commit}
            return Answer(302, b"", headers | {"Location": f"{self.storage_url()}/{blob.sha256}"})
        return self.ranged(blob.data, {"X-Repo-Commit": commit, "ETag": f'"{blob.oid}"'})

    def ranged(self, data: bytes, headers: dict[str, str]) -> Answer:
        headers |= {"Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if not wanted or self.command == "HEAD":
            return Answer(200, data, headers)
        first, last = wanted.removeprefix("bytes=").split("-")
        part = data[int(first) : int(last) + 1 if last else None]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return Answer(206, part, headers)

    # Writing

    def create(self, body: bytes) -> Answer:
        record = json.loads(body)
        name = f"{record['type']}s/{record.get('organization') or USER}/{record['name']}"
        url = {"url": f"{self.hub.url}/{name}"}
        with self.hub.lock:
            if name in self.hub.repositories:
                return json_answer(url | {"error": "You already created this repository"}, 409)
            made = Repository(name, record.get("visibility") == "private")
            attributes = "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LARGE)
            made.add("refs/heads/main", {".gitattributes": Blob(attributes.encode(), False)}, "initial commit")
            self.hub.repositories[name] = made
        return json_answer(url)

    def validate_yaml(self, body: bytes) -> Answer:
        return json_answer({"errors": [], "warnings": []} if json.loads(body)["content"] else {"errors": []})

    def preupload(self, body: bytes, name: str, revision: str) -> Answer:
        files = self.hub.repository(name).files(revision)
        uploads = []
        for load in json.loads(body)["files"]:
            there, mode = files.get(load["path"]), "lfs" if load["path"].endswith(LARGE) else "regular"
            oid = {"oid": there.sha256 if there.large else there.oid} if there else {}
            uploads.append({"path": load["path"], "uploadMode": mode, "shouldIgnore": False, **oid})
        return json_answer({"files": uploads})

    def storage_url(self) -> str:
        return self.hub.url.replace("127.0.0.1", "localhost") + "/storage"

    def batch(self, body: bytes, name: str) -> Answer:
        self.hub.repository(name)
        objects = []
        for load in json.loads(body)["objects"]:
            if load["oid"] not in self.hub.storage:
                header = {"href": f"{self.storage_url()}/{load['oid']}", "header": {}}
                load["actions"] = {"upload": header, "verify": {"href": f"{self.hub.url}/{name}/verify", "header": {}}}
            objects.append(load)
        return json_answer({"transfer": "basic", "objects": objects})

    def store(self, body: bytes, sha256: str) -> Answer:
        if hashlib.sha256(body).hexdigest() != sha256:
            raise Refused(400, "the content is not what was announced")
        self.hub.storage[sha256] = body
        return Answer(200)

    def stored(self, _: bytes, sha256: str) -> Answer:
        return self.ranged(self.hub.storage[sha256], {"ETag": f'"{sha256}"'})

    def verify(self, body: bytes, name: str) -> Answer:
        record = json.loads(body)
        if len(self.hub.storage.get(record["oid"], b"")) != record["size"]:
            raise Refused(404, f"{name}: was not stored")
        return json_answer({})

    def commit(self, body: bytes, name: str, revision: str) -> Answer:
        repository = self.hub.repository(name)
        lines = [json.loads(line) for line in body.splitlines()]
        with repository.lock:
            reference = repository.writable(revision)
            header = lines[0]["value"]
            if header.get("parentCommit", repository.references[reference]) != repository.references[reference]:
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            files = dict(repository.files(reference))
            for line in lines[1:]:
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
                elif line["key"] == "lfsFile":
                    if value["oid"] not in self.hub.storage:
                        raise Refused(400, f"{value['path']}: was not stored")
                    files[value["path"]] = Blob(self.hub.storage[value["oid"]], True)
                elif files.pop(value["path"], None) is None:
                    raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            made = repository.add(reference, files, header["summary"])
        return json_answer({"success": True, "commitOid": made, "commitUrl": f"{self.hub.url}/{name}/commit/{made}"})

    def tag(self, body: bytes, name: str, revision: str) -> Answer:
        self.hub.repository(name).tag(json.loads(body)["tag"], revision)
        return Answer(200)

    def branch(self, body: bytes, name: str, branch: str) -> Answer:
        self.hub.repository(name).branch(branch, json.loads(body or b"{}").get("startingPoint", "main"))
        return Answer(200)

    # Pull requests

    def described(self, repository: Repository, request: PullRequest) -> dict[str, Any]:
        kind, name = repository.name.split("/", 1)
        return {
            **{
                "num": request.num,
                "title": request.title,
                "status": request.status,
                "createdAt": WHEN,
                "isPullRequest": True,
            },
            **{"author": {"name": request.author}, "repo": {"name": name, "type": kind.removesuffix("s")}},
            **{"changes": {"base": "refs/heads/main", "mergeCommitId": request.merged}, "events": []},
            "filesWithConflicts": repository.conflicts(request) if request.status in {"open", "draft"} else [],
        }

    def discussions(self, _: bytes, name: str) -> Answer:
        repository = self.hub.repository(name)
        author = self.query.get("author")
        described = [
            self.described(repository, request) for request in repository.requests if author in {None, request.author}
        ]
        # A page holds a few only, so that more than one is asked for.
        start = 3 * int(self.query.get("p", 0))
        return json_answer({"discussions": described[::-1][start : start + 3], "count": len(described), "start": start})

    def discussion(self, _: bytes, name: str, num: str) -> Answer:
        repository = self.hub.repository(name)
        return json_answer(self.described(repository, repository.request(int(num))))

    def discuss(self, body: bytes, name: str) -> Answer:
        repository = self.hub.repository(name)
        return json_answer({"num": repository.open_request(json.loads(body)["title"], USER).num})

    def status(self, body: bytes, name: str, num: str) -> Answer:
        self.hub.repository(name).set_status(int(num), json.loads(body)["status"])
        event = {"id": "0", "type": "status-change", "createdAt": WHEN, "data": {"status": json.loads(body)["status"]}}
        return json_answer({"newStatus": event})

    def merge(self, _: bytes, name: str, num: str) -> Answer:
        self.hub.repository(name).merge(int(num))
        return json_answer({})


_API = r"/api/(?P<name>(?:models|datasets)/[^/]+/[^/]+)"
_REVISION = r"(?P<revision>[^/]+)"
_GIT = r"(?P<name>datasets/[^/]+/[^/]+)"
ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (r"/api/whoami-v2", HubHandler.whoami),
    (_API, HubHandler.info),
    (rf"{_API}/revision/{_REVISION}", HubHandler.info),
    (rf"{_API}/tree/{_REVISION}(?:/(?P<under>.+))?", HubHandler.tree),
    (rf"{_API}/refs", HubHandler.refs),
    (rf"{_API}/discussions", HubHandler.discussions),
    (rf"{_API}/discussions/(?P<num>\d+)", HubHandler.discussion),
    (rf"/(?P<name>(?:datasets/)?[^/]+/[^/]+)/resolve/{_REVISION}/(?P<path>.+)", HubHandler.resolve),
    (r"/storage/(?P<sha256>\w+)", HubHandler.stored),
    (rf"POST {_API}/paths-info/{_REVISION}", HubHandler.paths_info),
    (r"POST /api/repos/create", HubHandler.create),
    (r"POST /api/validate-yaml", HubHandler.validate_yaml),
    (rf"POST {_API}/preupload/{_REVISION}", HubHandler.preupload),
    (rf"POST /{_GIT}\.git/info/lfs/objects/batch", HubHandler.batch),
    (r"PUT /storage/(?P<sha256>\w+)", HubHandler.store),
    (rf"POST /{_GIT}/verify", HubHandler.verify),
    (rf"POST {_API}/commit/{_REVISION}", HubHandler.commit),
    (rf"POST {_API}/tag/{_REVISION}", HubHandler.tag),
    (rf"POST {_API}/branch/(?P<branch>[^/]+)", HubHandler.branch),
    (rf"POST {_API}/discussions", HubHandler.discuss),
    (rf"POST {_API}/discussions/(?P<num>\d+)/status", HubHandler.status),
    (rf"POST {_API}/discussions/(?P<num>\d+)/merge", HubHandler.merge),
)
