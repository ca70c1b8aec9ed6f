"""Summarisation transfer from top to bottom: genes -> summaries, and floors -> BLAST -> scores -> files."""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bio_paws.files import atomic, write_json
from bio_paws.tools import blast
from bio_paws_eval import models
from bio_paws_eval.summaries.floors import FLOORS, KMER
from bio_paws_eval.summaries.generate import summarise
from bio_paws_eval.summaries.genes import pair_up, read_genes
from bio_paws_eval.summaries.score import Interval, Score, dna_of, score_all
from bio_paws_eval.tables import Table, percent

SCHEMA_VERSION = "1.0"
LENGTH = 100
"""Letters of the floors where the model writes no DNA."""


@dataclass(frozen=True)
class Settings:
    """What to summarise.

    Attributes
    ----------
    model : str
        Folder or Hub id.
    genes, tokens : int
        Most genes, and most tokens of a summary.
    data : str or None
        Folder or Hub id of bioPAWS.
    seed : int
        Of every random choice.
    device : torch.device
        Where to compute.
    out : Path
        Folder of what is written.
    """

    model: str
    genes: int
    tokens: int
    data: str | None
    seed: int
    device: torch.device
    out: Path


@dataclass(frozen=True)
class Found:
    """What came out.

    Attributes
    ----------
    model : str
        Its id.
    weights_sha256, tokenizer_sha256 : str
        Digests of its files.
    genes, groups, homologs, others : int
        Genes summarised, their homology groups, pairs of homologs, and of other genes.
    floor_length : int
        Letters of the floors: the median of what DNA the model wrote, or `LENGTH`.
    tokens, seed : int
        As asked.
    blast : str
        Version of BLAST+.
    scores : tuple of Score
        Of the model, then of the floors.
    """

    model: str
    weights_sha256: str
    tokenizer_sha256: str
    genes: int
    groups: int
    homologs: int
    others: int
    floor_length: int
    tokens: int
    seed: int
    blast: str
    scores: tuple[Score, ...]
    schema_version: str = SCHEMA_VERSION


def run(settings: Settings) -> Found:
    """Summarise genes, and measure what is left of them; writes ``summaries.parquet`` and ``summaries.json``.

    Raises
    ------
    BioPawsError
        When the model, the data set or BLAST+ cannot be had.
    """
    source = models.find_model(settings.model, None)
    genes = read_genes(settings.data, settings.genes, settings.seed)
    homologs, others = pair_up(genes, settings.seed)
    dna = [gene.dna for gene in genes]
    written = {"model": summarise(source, dna, settings.tokens, settings.device, settings.out / ".work")}
    lengths = [len(dna_of(one)) for one in written["model"]]
    usable = [one for one in lengths if one >= KMER]
    length = int(np.median(usable)) if usable else LENGTH
    for name, floor in FLOORS.items():
        rng = np.random.default_rng([settings.seed, zlib.crc32(name.encode())])
        written[name] = [floor(one, length, rng) for one in dna]
    scores = score_all(written, genes, homologs, others)
    found = Found(
        source.id,
        source.weights_sha256,
        source.tokenizer_sha256,
        len(genes),
        len({gene.group for gene in genes}),
        len(homologs),
        len(others),
        length,
        settings.tokens,
        settings.seed,
        blast.version(),
        tuple(scores),
    )
    table = pa.table({name: [getattr(gene, name) for gene in genes] for name in ("group", "organism", "dna")} | written)
    with atomic(settings.out / "summaries.parquet") as part:
        pq.write_table(table, part, compression="zstd")
    write_json(settings.out / "summaries.json", dataclasses.asdict(found))
    return found


def table_of(found: Found) -> Table:
    """Lay the scores out as a table."""
    rows = tuple(
        (
            found.model if one.method == "model" else one.method,
            percent(one.dna_letters),
            percent(one.valid),
            f"{one.length:.0f}",
            *(_interval(part) for part in (one.finds_source, one.homologs, one.others, one.difference)),
            _interval(one.above) if one.above else "-",
        )
        for one in found.scores
    )
    columns = ("summaries by", "letters ACGT", "DNA alone", "length", "find their gene", "homologs find each other",
               "others do", "difference", "model above")  # fmt: skip
    return Table(
        "summaries",
        "Summaries of genes",
        columns,
        (rows[:1], rows[1:]),
        note=f"{found.genes} genes of {found.groups} homology groups; {found.homologs} pairs of homologs, "
        f"{found.others} of others; BLAST, E < 1e-5, both strands. Intervals of 95% over homology groups.",
    )


def _interval(one: Interval) -> str:
    if one["value"] is None:
        return "-"
    return f"{one['value']:.3f}\n[{one['low']:.3f}, {one['high']:.3f}]"
