"""A loopback server with the layout of NCBI's genomes folder, that can break off, refuse and damage."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loopback import QuietHandler, listening


@dataclass
class NcbiServer:
    """What it serves, what it was asked, and what goes wrong next."""

    folder: Path
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range header
    break_after: dict[str, int] = field(default_factory=dict)  # file ending -> bytes of the next answer
    refuse: int = 0  # answers of 503 still to give
    retry_after: int = 0  # seconds that they ask to wait
    page_bytes: int = 0  # of the index, beyond what it holds
    damage: set[str] = field(default_factory=set)  # file endings whose bytes are wrong
    meeting: threading.Barrier | None = None  # where requests for proteins wait for each other


@contextmanager
def serving(folder: Path, *prefixes: str) -> Iterator[NcbiServer]:
    """Serve the files of `folder` as the assemblies whose accessions and names these are, as in GCF_000000001.1_T."""
    server = NcbiServer(folder)
    prefix_at = {}
    for served in prefixes:
        number = served.split("_")[1].split(".", maxsplit=1)[0]
        prefix_at[f"/genomes/all/{served[:3]}/{number[:3]}/{number[3:6]}/{number[6:9]}"] = served

    def files_of(prefix: str) -> list[Path]:
        whole = sorted(folder.iterdir())
        return whole if len(prefixes) == 1 else [path for path in whole if path.name.startswith(prefix)]

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, self.headers.get("Range", "")))
            root = "/".join(self.path.split("/")[:7])
            prefix = prefix_at.get(root, "none")
            if server.refuse:
                server.refuse -= 1
                self.answer(503, b"busy", {"Retry-After": str(server.retry_after)})
            elif self.path == f"{root}/" and root in prefix_at:
                self.answer(
                    200, f'<a href="../">up</a> <a href="{prefix}/">{prefix}/</a>'.encode() + b" " * server.page_bytes
                )
            elif self.path == f"{root}/{prefix}/md5checksums.txt":
                sums = (f"{hashlib.md5(p.read_bytes()).hexdigest()}  ./{p.name}\n" for p in files_of(prefix))
                self.answer(200, "".join(sums).encode())
            elif self.path.startswith(f"{root}/{prefix}/") and (folder / self.path.rsplit("/", 1)[1]).is_file():
                self.file(folder / self.path.rsplit("/", 1)[1])
            else:
                self.answer(404, b"no such thing")

        def file(self, path: Path) -> None:
            if server.meeting and path.name.endswith("_protein.faa.gz"):
                server.meeting.wait(timeout=60)
            data = path.read_bytes()
            if any(path.name.endswith(end) for end in server.damage):
                data = data[:-1] + bytes([data[-1] ^ 1])
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if start >= len(data):
                self.answer(416, b"")
                return
            limit = next(
                (server.break_after.pop(end) for end in list(server.break_after) if path.name.endswith(end)), None
            )
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:] if limit is None else data[start : start + limit])
            if limit is not None:
                self.close_connection = True

    with listening(Handler) as url:
        server.url = url
        yield server
