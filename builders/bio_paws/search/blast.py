"""BLAST+ as functions: a database from sequences, and a search whose every query is known to be answered."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from bio_paws.errors import BioPawsError
from bio_paws.search.digests import require_intact, write_digests

logger = logging.getLogger(__name__)

Program = Literal["blastn", "blastp"]

HITS = pa.schema(
    [
        ("query", pa.string()),
        ("query_start", pa.int64()),
        ("query_end", pa.int64()),
        ("subject", pa.string()),
        ("subject_start", pa.int64()),
        ("subject_end", pa.int64()),
        ("evalue", pa.float64()),
        ("score", pa.int64()),
        ("btop", pa.string()),
    ]
)
"""Hits as BLAST writes them: 1-based, closed; subject_start > subject_end on the other strand. btop is BLAST's
trace-back: numbers are runs of matches, letter pairs are columns of mismatch or gap."""

WIDE_EVALUE = "0.01"
"""-evalue of a search that must miss nothing, its hits filtered afterwards: BLAST+ 2.12 loses single
hits at single thresholds: a pair of proteins with E = 4e-7 was found at 0.01 and at 1e-5, but not at 1e-3."""

WIDE_OPTIONS: dict[Literal["dna", "protein"], tuple[str, ...]] = {
    "dna": (
        *("-task", "blastn", "-word_size", "11", "-reward", "2", "-penalty", "-3", "-gapopen", "5"),
        *("-gapextend", "2", "-dust", "no", "-soft_masking", "false", "-strand", "both"),
    ),
    "protein": ("-task", "blastp", "-seg", "no", "-soft_masking", "false"),
}
"""Its further options: short words, no masking of repeats or low complexity on either side, both strands."""

_DIGITS = "".join(character if character.isdigit() else " " for character in map(chr, range(128)))
_LETTERS = dict.fromkeys(map(ord, "0123456789"))
_MANY = 10**12  # letters: no sequence has as many
_FORMAT = "7 qseqid qstart qend sseqid sstart send evalue score btop"
_CHUNK = 1 << 20  # bytes
_MAX_TARGETS = 100_000  # -max_target_seqs cuts by database order: keep it far above what can be found


def find_program(program: str) -> str:
    """Return the path of a program of BLAST+.

    Raises
    ------
    BioPawsError
        When it is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise BioPawsError(
            f"{program} was not found on PATH: install BLAST+ (Debian and Ubuntu: apt-get install ncbi-blast+; "
            "conda: bioconda::blast)"
        )
    return path


@lru_cache(maxsize=8)
def _version_at(path: str) -> str:
    out = run_program([path, "-version"])
    match = re.search(r": (\d+\.\d+\.\d+\+?)", out.stdout)
    if out.returncode or not match:
        raise BioPawsError(f"{path} -version failed: reinstall BLAST+")
    return match.group(1)


def version() -> str:
    """Return the version of the installed BLAST+, as in "2.12.0+".

    Raises
    ------
    BioPawsError
        When a program of BLAST+ is missing.
    """
    for program in ("makeblastdb", "blastp"):
        find_program(program)
    return _version_at(find_program("blastn"))


Text = str | Iterator[str]
"""Residues: whole, or in pieces, so that no chromosome need be in memory."""


def write_fasta(path: Path, records: Iterable[tuple[str, Text]]) -> int:
    """Write (id, residues) as FASTA, one line a sequence; return how many."""
    count = 0
    with path.open("w", encoding="ascii") as out:
        for name, residues in records:
            out.write(f">{name}\n")
            out.writelines((residues,) if isinstance(residues, str) else residues)
            out.write("\n")
            count += 1
    return count


def write_texts(path: Path, texts: Iterable[Text]) -> None:
    """Write sequences as `write_fasta`, called by their number, and the file's digest beside it."""
    write_fasta(path, ((str(number), text) for number, text in enumerate(texts)))
    write_digests(path.with_suffix(""))


def make_database(database: Path, molecule: Literal["dna", "protein"]) -> None:
    """Make a BLAST database from the FASTA file that lies beside it, and write the digests of all files beside them.

    Parameters
    ----------
    database : Path
        Path, without its suffix, of a file from `write_texts`.
    molecule : {"dna", "protein"}
        What it holds.

    Raises
    ------
    DamagedFile
        When the FASTA file is not as it was written.
    BioPawsError
        When makeblastdb fails, or claims success without taking every sequence in.
    """
    require_intact(database)
    fasta = database.with_suffix(".fasta")
    kind = "nucl" if molecule == "dna" else "prot"
    # Of a path with a blank in it these programs make two: they are run where the database lies.
    command = [find_program("makeblastdb"), "-in", fasta.name, "-dbtype", kind, "-out", database.name, "-title", "x"]
    done = run_program(command, cwd=database.parent)
    expected = count_records(fasta)
    added = re.search(r"added (\d+) sequences", done.stdout)
    if done.returncode or not added or int(added.group(1)) != expected:
        why = last_line(done.stderr) or last_line(done.stdout) or f"exit status {done.returncode}"
        raise BioPawsError(f"makeblastdb failed on {fasta}: {why}")
    write_digests(database)


def write_database(database: Path, texts: Iterable[Text], molecule: Literal["dna", "protein"]) -> None:
    """Make a BLAST database of sequences, called by their number; at least one, and a FASTA file stays beside it.

    Raises
    ------
    BioPawsError
        As `make_database`.
    """
    write_texts(database.with_suffix(".fasta"), texts)
    make_database(database, molecule)


def search_widely(
    queries: Iterable[tuple[int, str]],
    database: Path,
    molecule: Literal["dna", "protein"],
    options: Sequence[str],
    *,
    max_targets: int = _MAX_TARGETS,
) -> pa.Table:
    """Search strings, called by number, in a database of the same molecule, with `WIDE_OPTIONS`.

    Parameters
    ----------
    queries : iterable of (int, str)
        Number and letters of each.
    database : Path
        From `write_database`.
    molecule : {"dna", "protein"}
        What they are.
    options : sequence of str
        Further arguments: E-value, database size.
    max_targets : int
        Subjects kept for each query.

    Returns
    -------
    pyarrow.Table
        As `search`, and it raises what that raises.
    """
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        fasta = Path(folder) / "queries.fasta"
        write_fasta(fasta, ((str(number), text) for number, text in queries))
        program: Program = "blastn" if molecule == "dna" else "blastp"
        return search(program, fasta, database, [*WIDE_OPTIONS[molecule], *options], max_targets=max_targets)


def search(
    program: Program, query: Path, database: Path, options: Sequence[str], *, max_targets: int = _MAX_TARGETS
) -> pa.Table:
    """Search `query` (FASTA) against `database` on one thread.

    Parameters
    ----------
    program : {"blastn", "blastp"}
        Program of BLAST+.
    query, database : Path
        FASTA file from `write_fasta`; database whose FASTA file lies beside it, its sequences called by their number.
    options : sequence of str
        Further arguments: task, masking, E-value, database size.
    max_targets : int
        Subjects kept for each query.

    Returns
    -------
    pyarrow.Table
        Hits in the schema `HITS`, sorted by all their columns but the score.

    Raises
    ------
    DamagedFile
        When the database is not as it was written.
    BioPawsError
        When BLAST fails, is killed, answers fewer queries than it was asked, or with what cannot be.
    """
    require_intact(database)
    with tempfile.NamedTemporaryFile(prefix="bio-paws-blast-") as out:
        command = [find_program(program), "-query", str(query.absolute()), "-db", _named(database), "-outfmt", _FORMAT]
        command += ["-max_target_seqs", str(max_targets), "-num_threads", "1", *options]
        logger.debug("running %s", " ".join(command))
        done = run_program(command, out, cwd=database.parent)
        if done.returncode:
            why = last_line(done.stderr) or f"exit status {done.returncode}"
            raise BioPawsError(f"{program} failed on {query.name}: {why}")
        for line in done.stderr.splitlines():
            logger.debug("%s: %s", program, line)
        text = Path(out.name).read_bytes()
    expected = count_records(query)
    processed = re.findall(rb"^# BLAST processed (\d+) queries", text, re.MULTILINE)
    answered = len(re.findall(rb"^# Query:", text, re.MULTILINE))
    if answered != expected or [int(n) for n in processed] != [expected]:
        raise BioPawsError(f"{program} answered {answered} of {expected} queries in {query.name}: run it again")
    rows = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"#"))
    return read_hits(rows, program, query, database)


def _named(database: Path) -> str:
    """Return the name that BLAST+ opens a database by when it runs in its folder.

    BLAST+ divides the path of that folder at colons, but reads a quoted one as it is.
    """
    whole = os.path.realpath(database)
    if ":" not in whole:
        return database.name
    if '"' in whole:
        raise BioPawsError(f"{database.parent}: BLAST+ cannot use a path with a colon and a quote: name another folder")
    return f'"{whole}"'


def read_hits(rows: bytes, program: str, query: Path, database: Path) -> pa.Table:
    """Read hits as a program writes them, in tab-separated columns; sort them.

    Parameters
    ----------
    rows : bytes
        What it wrote.
    program : str
        Its name.
    query, database : Path
        What it was given: FASTA file from `write_fasta`; database whose FASTA file lies beside it, its sequences called
        by their number.

    Returns
    -------
    pyarrow.Table
        Schema `HITS`, sorted by all its columns but the score.

    Raises
    ------
    BioPawsError
        When they are not such a table, or lie where no query or no sequence of the database is.
    """
    if not rows:
        return HITS.empty_table()
    try:
        table = pacsv.read_csv(
            io.BytesIO(rows),
            read_options=pacsv.ReadOptions(column_names=HITS.names, use_threads=False),
            parse_options=pacsv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pacsv.ConvertOptions(column_types=HITS, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise BioPawsError(
            f"{program} wrote what cannot be read ({last_line(str(error))[:200]}): run it again"
        ) from error
    if (wrong := _first_impossible(table, query, database)) is not None:
        row = "  ".join(map(str, wrong.values()))
        raise BioPawsError(f"{program} wrote a hit that cannot be ({row[:200]}): run it again")
    # The order of equal hits is the program's own affair: ours is fixed.
    return table.sort_by([(name, "ascending") for name in HITS.names if name not in ("evalue", "score")])


def _first_impossible(hits: pa.Table, query: Path, database: Path) -> dict[str, Any] | None:
    """Return the first hit with a value missing, or outside of its two sequences."""
    with query.open(encoding="ascii") as lines:
        names = [line[1:].rstrip("\n") for line in lines if line.startswith(">")]
    fasta = database.with_suffix(".fasta")
    lengths = _lengths(query, query.stat().st_mtime_ns), _lengths(fasta, fasta.stat().st_mtime_ns)
    whole = np.all([column.is_valid().to_numpy() for column in hits.columns], axis=0)
    if not whole.all():
        return _row(hits, whole)
    number = pc.if_else(pc.match_substring_regex(hits["subject"], r"^\d{1,9}$"), hits["subject"], "-1").cast(pa.int64())
    places = pc.index_in(hits["query"], pa.array(names, pa.string())).fill_null(-1), number
    spans = np.array([_spans(trace) for trace in hits["btop"].to_pylist()])
    evalue = hits["evalue"].to_numpy()
    sound = (evalue >= 0) & np.isfinite(evalue) & (hits["query_start"].to_numpy() <= hits["query_end"].to_numpy())
    for side, place, length, span in zip(("query", "subject"), places, lengths, spans.T, strict=True):
        at = place.to_numpy()
        ends = np.sort([hits[f"{side}_{end}"].to_numpy() for end in ("start", "end")], axis=0)
        last = np.append(length, 0)[np.minimum(at, len(length))]  # 0 of a sequence that is not there, -1 or too large
        sound &= (ends[0] >= 1) & (ends[1] <= last) & (ends[1] - ends[0] + 1 == span)
    return None if sound.all() else _row(hits, sound)


def _row(hits: pa.Table, sound: NDArray[np.bool_]) -> dict[str, Any]:
    wrong: dict[str, Any] = hits.slice(int(sound.argmin()), 1).to_pylist()[0]
    return wrong


@lru_cache(maxsize=4)
def _lengths(fasta: Path, stamp: int) -> NDArray[np.int64]:
    """Lengths of the sequences in a FASTA file of `write_fasta`; `stamp` tells it from another of this name."""
    line_ends = [np.array([-1])]
    for start, chunk in _chunks(fasta):
        line_ends.append(start + np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == ord("\n")))
    return np.diff(np.concatenate(line_ends))[1::2] - 1  # every other line is a name


def _spans(trace: str) -> tuple[int, int]:
    """Count the letters of query and subject in a trace-back; -1 where it is none."""
    try:
        runs = sum(map(int, trace.translate(_DIGITS).split()))
    except ValueError:
        return -1, -1
    columns = trace.translate(_LETTERS)
    both = min(runs, _MANY) + len(columns) // 2
    return both - columns[::2].count("-"), both - columns[1::2].count("-")


def run_program(
    command: Sequence[str], out: IO[bytes] | int = subprocess.PIPE, *, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its status.

    Raises
    ------
    BioPawsError
        When it cannot be run.
    """
    try:
        return subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", cwd=cwd, check=False
        )
    except OSError as error:
        raise BioPawsError(f"{command[0]}: cannot be run ({error.strerror}): reinstall it") from error


def count_records(fasta: Path) -> int:
    """Return how many sequences a FASTA file of `write_fasta` holds."""
    return sum(chunk.count(b">") for _, chunk in _chunks(fasta))


def _chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield a file in chunks, with the place of each."""
    with path.open("rb") as data:
        start = 0
        while chunk := data.read(_CHUNK):
            yield start, chunk
            start += len(chunk)


def last_line(text: str) -> str:
    """Return the last line of a text that is not blank; empty when there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
