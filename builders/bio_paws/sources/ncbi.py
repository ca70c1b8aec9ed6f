"""Download assemblies from NCBI's HTTPS folders: resumable, checked by NCBI's own md5, cached."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from bio_paws.errors import SourceError
from bio_paws.execution.progress import progress

logger = logging.getLogger(__name__)

NCBI = "https://ftp.ncbi.nlm.nih.gov"
_PARTS = ("_genomic.fna.gz", "_cds_from_genomic.fna.gz", "_protein.faa.gz")
_REPORT = "_assembly_report.txt"
_TIMEOUT = (20, 60)  # seconds to connect, seconds without a byte
CONNECTIONS = 3
"""Assemblies that are downloaded at a time: NCBI asks not to open many connections."""
ATTEMPTS = 6
_CHUNK = 1 << 20
_LONGEST_WAIT = 600  # seconds
_SHORT_WAIT = 5  # seconds; a longer one is reported
LARGEST_PAGE = 16 << 20  # bytes of an index or a list: NCBI's have some thousand
_LARGEST_FILE = 64 << 30  # bytes: several times the largest genome


@dataclass(frozen=True)
class PinnedAssembly:
    """An assembly of a named set."""

    accession: str
    organism: str


REFSEQ13: tuple[PinnedAssembly, ...] = (
    PinnedAssembly("GCF_000001405.40", "Homo sapiens"),
    PinnedAssembly("GCF_000001635.27", "Mus musculus"),
    PinnedAssembly("GCF_015227675.2", "Rattus norvegicus"),
    PinnedAssembly("GCF_002263795.3", "Bos taurus"),
    PinnedAssembly("GCF_016699485.2", "Gallus gallus"),
    PinnedAssembly("GCF_017654675.1", "Xenopus laevis"),
    PinnedAssembly("GCF_000002035.6", "Danio rerio"),
    PinnedAssembly("GCF_000224145.3", "Ciona intestinalis"),
    PinnedAssembly("GCF_000001215.4", "Drosophila melanogaster"),
    PinnedAssembly("GCF_000002985.6", "Caenorhabditis elegans"),
    PinnedAssembly("GCF_000146045.2", "Saccharomyces cerevisiae"),
    PinnedAssembly("GCF_000001735.4", "Arabidopsis thaliana"),
    PinnedAssembly("GCF_001433935.1", "Oryza sativa"),
)
"""A reconstruction: LucaOne's central-dogma set draws on 13 RefSeq species but names no assembly versions, and no
complete list could be consulted here. These are model organisms with a RefSeq reference assembly, among them the
sea squirt that its paper discusses."""


def folder_url(accession: str) -> str:
    """Return the URL of the folder that holds every version and name of an assembly accession's number.

    Raises
    ------
    SourceError
        When it is not an assembly accession with version.
    """
    match = re.fullmatch(r"(GC[AF])_(\d{3})(\d{3})(\d{3})\.\d+", accession)
    if match is None:
        raise SourceError(f"ncbi:{accession}: not an assembly accession with version, as in ncbi:GCF_000005845.2")
    base = os.environ.get("BIO_PAWS_NCBI_URL", NCBI).rstrip("/")
    return f"{base}/genomes/all/{'/'.join(match.groups())}"


def download_all(accessions: Sequence[str], cache: Path | None = None) -> list[Path]:
    """Download assemblies, `CONNECTIONS` at a time, as `download` does one; return their folders in the same order.

    When one fails, or the program is interrupted, the others stop at their next piece, and what they have is kept.

    Raises
    ------
    SourceError
        As `download`, for the first that fails.
    """
    for accession in accessions:
        folder_url(accession)  # none is fetched for a list with a mistake in it
    stop = threading.Event()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [pool.submit(download, accession, cache, stop) for accession in accessions]
        try:
            for job in as_completed(jobs):
                job.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [job.result() for job in jobs]


@dataclass(frozen=True)
class RemoteFile:
    """A file of an assembly at NCBI: its name, its bytes, and how many of them lie in the cache."""

    name: str
    size: int
    here: int

    @property
    def is_genome(self) -> bool:
        """Whether it holds the genome's sequences."""
        return _is_genome(self.name)


def list_all(accessions: Sequence[str], cache: Path | None = None) -> list[tuple[RemoteFile, ...]]:
    """Ask NCBI which files of each assembly a download would fetch, and their sizes; nothing is fetched.

    Raises
    ------
    SourceError
        When an accession is none, NCBI has no such assembly, or it cannot be reached.
    """
    for accession in accessions:
        folder_url(accession)  # NCBI is not asked about a list with a mistake in it
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(lambda accession: _list(accession, _folder(accession, cache)), accessions))


def _list(accession: str, folder: Path) -> tuple[RemoteFile, ...]:
    with _session() as session:
        url, listing = _listing(session, accession)
        files = []
        for name in _wanted(url.rpartition("/")[2], _sums(listing)):
            with _get(session, f"{url}/{name}", stream=True) as response:  # its body is not read
                size = response.headers.get("Content-Length", "")
            if not size.isdecimal():
                raise SourceError(f"{url}/{name}: the server states no size: run again later")
            paths = (folder / name, folder / f"{name}.part")
            here = max(path.stat().st_size if path.is_file() else 0 for path in paths)
            files.append(RemoteFile(name, int(size), here))
        return tuple(files)


def _folder(accession: str, cache: Path | None) -> Path:
    return cache_folder(cache) / accession


def cache_folder(cache: Path | None = None) -> Path:
    """Return the folder of all downloads, in the user's cache or in another."""
    return (cache or platformdirs.user_cache_path("bio-paws")) / "ncbi"


def download(accession: str, cache: Path | None = None, stop: threading.Event | None = None) -> Path:
    """Download the genome, CDS, proteins and report of an assembly, and return their folder.

    Files that are there and match their checksum are kept; a broken download is resumed.

    Parameters
    ----------
    accession : str
        Assembly accession with version.
    cache : Path, optional
        Parent folder; by default the user's cache folder.
    stop : threading.Event, optional
        When it is set the download is broken off; what came so far is kept.

    Raises
    ------
    SourceError
        When it was broken off, NCBI has no such assembly, cannot be reached, or keeps sending bytes that do not match
        its md5.
    """
    folder = _folder(accession, cache)
    done = folder / "md5checksums.verified"
    if done.is_file():
        if _is_intact(folder, done):
            return folder
        logger.warning("%s: damaged since it was downloaded: fetching again what is not as NCBI has it", folder)
        done.unlink()
    with _session() as session:
        url, listing = _listing(session, accession)
        sums = _sums(listing)
        folder.mkdir(parents=True, exist_ok=True)
        for name in _wanted(url.rpartition("/")[2], sums):
            _fetch(session, f"{url}/{name}", folder / name, sums[name], stop)
    done.write_text(listing, encoding="utf-8")
    return folder


def _listing(session: requests.Session, accession: str) -> tuple[str, str]:
    """Return the URL of an assembly's own folder, which ends in its prefix, and NCBI's list of checksums in it."""
    parent = folder_url(accession)
    names = re.findall(r'href="([^"/]+)/"', _text(session, f"{parent}/"))
    named = [name for name in names if name.startswith(f"{accession}_")]
    if not named:
        raise SourceError(f"ncbi:{accession}: NCBI has no such assembly under {parent}: check its version")
    prefix = sorted(named)[0]
    listing = _text(session, f"{parent}/{prefix}/md5checksums.txt")
    if f"{prefix}{_PARTS[0]}" not in _sums(listing):
        raise SourceError(f"ncbi:{accession}: {parent}/{prefix} lists no genome in md5checksums.txt")
    return f"{parent}/{prefix}", listing


def _is_genome(name: str) -> bool:
    return name.endswith(_PARTS[0]) and not name.endswith(f"_from{_PARTS[0]}")


def _sums(listing: str) -> dict[str, str]:
    """Return the md5 of each file that NCBI's md5checksums.txt lists, by name."""
    return {name: md5 for md5, name in re.findall(r"^([0-9a-f]{32})\s+\./(\S+)$", listing, re.MULTILINE)}


def _is_intact(folder: Path, done: Path) -> bool:
    """Whether the files of a finished download are still those that NCBI lists, and none of them is gone."""
    sums = _sums(done.read_text(encoding="utf-8", errors="replace"))
    genomes = filter(_is_genome, sums)
    wanted = [name for genome in genomes for name in _wanted(genome.removesuffix(_PARTS[0]), sums)]
    files = {path.name for path in folder.iterdir() if path.suffix != ".part"} - {done.name}
    return files == set(wanted) != set() and all(_md5(folder / name) == sums[name] for name in wanted)


def _wanted(prefix: str, sums: dict[str, str]) -> list[str]:
    """Return the names of the files that are read, as far as NCBI has them."""
    return [f"{prefix}{part}" for part in (*_PARTS, _REPORT) if f"{prefix}{part}" in sums]


class _CappedRetry(Retry):
    """Waits as a server wishes, up to a limit, and says so."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds that an answer asks to wait.

        Raises
        ------
        SourceError
            When these are more than `_LONGEST_WAIT`.
        """
        seconds = super().get_retry_after(response)
        if seconds is None:
            return None
        if seconds > _LONGEST_WAIT:
            raise SourceError(f"NCBI asks to wait {seconds:,.0f} s: run again then, it goes on from here")
        if seconds > _SHORT_WAIT:
            logger.warning("NCBI asks to wait %.0f s", seconds)
        return seconds


def _session() -> requests.Session:
    session = requests.Session()
    retry = _CappedRetry(
        total=ATTEMPTS,
        backoff_factor=0.5,
        status_forcelist=(408, 429, 500, 502, 503, 504),
        respect_retry_after_header=True,
        raise_on_status=False,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    # The .gz files are the payload: a transfer encoding would change the bytes that Range counts.
    session.headers["Accept-Encoding"] = "identity"
    return session


def _get(session: requests.Session, url: str, **kwargs: object) -> requests.Response:
    try:
        response = session.get(url, timeout=_TIMEOUT, **kwargs)  # type: ignore[arg-type]
    except requests.RequestException as error:
        raise SourceError(
            f"{url}: cannot be reached ({type(error).__name__}): check the network and run again"
        ) from error
    if response.ok or response.status_code == 416:
        return response
    response.close()  # its body is not read
    if response.status_code == 404:
        raise SourceError(f"{url}: not found at NCBI: check the accession and its version")
    raise SourceError(f"{url}: the server answered {response.status_code}: run again later")


def _text(session: requests.Session, url: str) -> str:
    """Return a page, which must not be larger than `LARGEST_PAGE`."""
    page = bytearray()
    with _get(session, url, stream=True) as response:
        try:
            for chunk in response.iter_content(_CHUNK):
                page += chunk
                if len(page) > LARGEST_PAGE:
                    raise SourceError(f"{url}: over {LARGEST_PAGE >> 20} MiB, so not a page of NCBI: run again later")
        except requests.RequestException as error:
            raise SourceError(f"{url}: broke off ({type(error).__name__}): check the network and run again") from error
    return page.decode("utf-8", errors="replace")


def _fetch(session: requests.Session, url: str, path: Path, md5: str, stop: threading.Event | None) -> None:
    """Download a file; a broken connection or a kill leaves a `.part` beside it, from which the next try goes on."""
    if path.is_file() and _md5(path) == md5:
        return
    part = path.with_name(path.name + ".part")
    for _ in range(ATTEMPTS):
        _append(session, url, part, stop)
        if part.is_file() and _md5(part) == md5:
            part.replace(path)
            return
        logger.warning("%s: incomplete or damaged, fetching again", url)
    raise SourceError(f"{url}: md5 does not match NCBI's md5checksums.txt after {ATTEMPTS} tries: run again later")


def _append(session: requests.Session, url: str, part: Path, stop: threading.Event | None) -> None:
    """Append to `part` the bytes that it lacks, until the connection ends."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _get(session, url, headers=headers, stream=True) as response:
        if have and response.status_code == 416:
            part.unlink()  # as long as the whole file, and its checksum is wrong: start over
            return
        resumed = response.status_code == 206
        total = int(response.headers.get("Content-Length", 0)) + (have if resumed else 0)
        with (
            part.open("ab" if resumed else "wb") as out,
            progress(
                desc=part.stem, total=total or None, initial=have if resumed else 0, unit="B", scale=True, leave=True
            ) as bar,
        ):
            try:
                # read1 returns what has arrived; reading a whole chunk would lose that when the connection breaks.
                while chunk := response.raw.read1(_CHUNK):
                    out.write(chunk)
                    if stop and stop.is_set():
                        raise SourceError(f"{url}: broken off: run again, it goes on from here")
                    if out.tell() > _LARGEST_FILE:
                        raise SourceError(f"{url}: over {_LARGEST_FILE >> 30} GiB, so not a genome: run again later")
                    bar.update(len(chunk))
            except (HTTPError, OSError) as error:
                if shutil.disk_usage(part.parent).free < _CHUNK:
                    raise SourceError(f"{part.parent}: no space left: make room and run again") from error
                logger.debug("%s broke off: %s", url, error)


def _md5(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "md5").hexdigest()
