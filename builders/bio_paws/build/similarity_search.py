"""Similar sequences: genomes and proteins searched once against themselves with BLAST+, or another engine for proteins.

Searching one window at a time would take hours. Instead chromosome pieces and whole proteins are searched against
all others; `candidate_windows` then cuts windows out of the alignments.

The searches of a large build take most of an hour, so the corpus and its hits are kept under a key of their own
(`pipeline.prepare`): it covers the sources, and the code that reads and searches them. What only decides what is made
of the hits must not be imported here, or a change of it would ask for all searches again; a contract in
`pyproject.toml` says so.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Executor
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa

from bio_paws.execution.files import read_arrow, temporary_folder, write_arrow
from bio_paws.execution.stages import Workdir, is_finished, run_shards
from bio_paws.search import blast
from bio_paws.search.engines import MANY_RESIDUES, Engine
from bio_paws.search.homologs import SIGNIFICANT_EVALUE
from bio_paws.sequences.corpus import Corpus, representative_proteins
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.store import pieces_of

HIT_INTERVALS = pa.schema(
    [
        ("source1", pa.string()),
        ("start1", pa.int64()),
        ("end1", pa.int64()),
        ("source2", pa.string()),
        ("start2", pa.int64()),
        ("end2", pa.int64()),
        ("strand2", pa.string()),
        ("btop", pa.string()),
    ]
)
"""Hits as pairs of intervals, each pair once; intervals 0-based, half-open, on the forward strands."""

PIECE = 20_000
"""Longest DNA query, bp: longer ones make BLAST slower, not better."""
PIECES_PER_SHARD, SHARDS, MOST_PIECES_PER_SHARD = 32, 32, 256
"""Pieces searched together: so many; more where that gives more shards than that, up to a limit. Each search reads the
whole database, so few large ones take a third of the time of many."""
BLOCKS = 8
"""Parts of the queries that are searched in a database each, where there are many proteins: a pair is kept once, when
its first member is the query, so the database of a part needs none of the sequences before it. That saves 7/16."""

# Keep the soft mask out of the seeds, or repeats bring millions of hits. Greedy scores propose; parasail decides.
_DNA_SEARCH = (
    *("-task", "megablast", "-word_size", "16", "-lcase_masking"),
    *("-soft_masking", "true", "-dust", "no"),
)


def search_dna(files: CorpusFiles, work: Workdir, executor: Executor) -> Path:
    """Search every genome piece against all genomes, both strands.

    Returns
    -------
    Path
        Arrow file of hits, schema `HIT_INTERVALS`.
    """
    sequences = list(files.load().dna.values())
    pieces = [(sequence.id, start) for sequence in sequences for start in range(0, len(sequence.residues), PIECE)]
    size = min(max(PIECES_PER_SHARD, ceil(len(pieces) / SHARDS)), MOST_PIECES_PER_SHARD)
    batches = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    return _search(files, work, executor, "dna", batches, sum(len(sequence.residues) for sequence in sequences))


def search_proteins(files: CorpusFiles, work: Workdir, executor: Executor, engine: Engine) -> Path:
    """Search one protein of each gene against all others; return an Arrow file of hits, schema `HIT_INTERVALS`."""
    proteins = representative_proteins(files.load())
    batches = [
        [(protein.id, 0) for protein in proteins[i : i + engine.queries_per_shard]]
        for i in range(0, len(proteins), engine.queries_per_shard)
    ]
    return _search(
        files, work, executor, "protein", batches, sum(len(protein.residues) for protein in proteins), engine
    )


def _search(
    files: CorpusFiles,
    work: Workdir,
    executor: Executor,
    molecule: str,
    batches: list[list[tuple[str, int]]],
    residues: int,
    engine: Engine | None = None,
) -> Path:
    """Run the shards of a search against one database that lives as long as they run; proteins by `engine`."""
    program = engine and (engine.name, engine.version())
    hits = work.path("hits", ".arrow", molecule, program)
    if not is_finished(hits):
        shards = [work.path(f"search-{molecule}", ".arrow", program, number) for number in range(len(batches))]
        work.root.mkdir(parents=True, exist_ok=True)
        with temporary_folder(work.root, "database") as folder:
            # Where each block begins: at a batch, and at a sequence. No batch, no database: makeblastdb refuses it.
            divides = engine is not None and engine.sizes_database and residues > MANY_RESIDUES
            step = ceil(len(batches) / BLOCKS) if divides else max(len(batches), 1)
            arguments = []
            for block in range(0, len(batches), step):
                first = sum(map(len, batches[:block]))
                database = folder / f"from{first}"
                subjects = (subject.residues for subject in _subjects(files.load(), molecule)[first:])
                if engine:
                    engine.write_database(database, (residues[:] for residues in subjects))
                else:
                    blast.write_database(database, map(pieces_of, subjects), "dna")
                arguments += [
                    (files, molecule, batch, database, first, residues, engine)
                    for batch in batches[block : block + step]
                ]
            run_shards(executor, _search_shard, list(zip(shards, arguments, strict=True)), f"search {molecule}")
        write_arrow(hits, pa.concat_tables([HIT_INTERVALS.empty_table(), *map(read_arrow, shards)]).combine_chunks())
    return hits


def _subjects(corpus: Corpus, molecule: str) -> list[Sequence]:
    return list(corpus.dna.values()) if molecule == "dna" else representative_proteins(corpus)


def _search_shard(
    path: Path,
    files: CorpusFiles,
    molecule: str,
    batch: list[tuple[str, int]],
    database: Path,
    first: int,
    residues: int,
    engine: Engine | None,
) -> None:
    """Search a batch of queries in a database of the sequences from number `first` on."""
    corpus = files.load()
    names = [subject.id for subject in _subjects(corpus, molecule)]
    number = {name: i for i, name in enumerate(names)}
    whole = corpus.dna if molecule == "dna" else corpus.proteins
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        query = Path(folder) / "query.fasta"
        blast.write_fasta(
            query, ((f"{number[name]}:{at}", whole[name].residues[at : at + PIECE]) for name, at in batch)
        )
        if engine:
            hits = engine.search(query, database, str(SIGNIFICANT_EVALUE), residues)
        else:
            options = ["-evalue", str(SIGNIFICANT_EVALUE), "-dbsize", str(residues), *_DNA_SEARCH]
            hits = blast.search("blastn", query, database, options)
    write_arrow(path, _each_once(hits, names, first))


def _each_once(hits: pa.Table, names: list[str], first: int) -> pa.Table:
    """Turn hits in the sequences from number `first` on into intervals, and keep one of A on B and B on A."""
    kept: list[tuple[Any, ...]] = []
    for query, q0, q1, subject, s0, s1, btop in zip(
        *(hits[name].to_pylist() for name in hits.column_names if name not in ("evalue", "score")),
        strict=True,
    ):
        query_number, _, at = query.partition(":")
        number1, number2 = int(query_number), first + int(subject)
        start1, end1 = int(at) + q0 - 1, int(at) + q1
        start2, end2 = min(s0, s1) - 1, max(s0, s1)
        if (number1, start1) < (number2, start2):
            strand = "+" if s0 <= s1 else "-"
            kept.append((names[number1], start1, end1, names[number2], start2, end2, strand, btop))
    columns = list(zip(*kept, strict=True)) or [()] * len(HIT_INTERVALS)
    return pa.table([pa.array(c, t) for c, t in zip(columns, HIT_INTERVALS.types, strict=True)], schema=HIT_INTERVALS)
