"""Long DNA with homologs: the genes of dna_protein, introns and all, of every split.

A model that learnt from English has seen none of them, so the splits do not matter. A gene's homologs are the genes of
its homology group that BLAST finds with the whole of it: a group may hold genes that only share a neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bio_paws.configs import SPLITS
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError
from bio_paws.search import blast

CONFIG = "dna_protein"
MAX_EVALUE = 1e-5
"""Of a hit, as for a similar pair."""


@dataclass(frozen=True)
class Gene:
    """A gene.

    Attributes
    ----------
    group : str
        Its homology group.
    organism : str
        Where it is from.
    dna : str
        Its strand that codes, introns included.
    """

    group: str
    organism: str
    dna: str


def read_genes(data: str | None, most: int, seed: int) -> list[Gene]:
    """Read genes of groups that have several: whole groups, in random order, as many as fit.

    Parameters
    ----------
    data : str, optional
        Folder or Hub id of bioPAWS.
    most : int
        Largest number of genes.
    seed : int
        Of the order.

    Raises
    ------
    BioPawsError
        When the data set is not at hand, or no group of several genes fits.
    """
    groups: dict[str, dict[str, Gene]] = {}
    for split in SPLITS:
        for row in load(CONFIG, data=data, split=split, streaming=True):
            if row["label"] == 1:
                gene = Gene(row["group1"], row["organism1"], row["sentence1"])
                groups.setdefault(gene.group, {}).setdefault(gene.dna, gene)
    names = sorted(name for name, genes in groups.items() if len(genes) > 1)
    chosen: list[Gene] = []
    for i in np.random.default_rng(seed).permutation(len(names)).tolist():
        group = groups[names[i]]
        if len(chosen) + len(group) <= most:
            chosen += [group[dna] for dna in sorted(group)]
    if len({gene.group for gene in chosen}) < 2:
        raise BioPawsError(f"{CONFIG}: no two groups of several genes within {most} genes: take a larger --genes")
    return chosen


def find_hits(queries: Sequence[str], subjects: Sequence[str]) -> set[tuple[int, int]]:
    """Search DNA in DNA, both strands, nothing masked.

    Parameters
    ----------
    queries, subjects : sequence of str
        DNA. Empty strings have no hits.

    Returns
    -------
    set of (int, int)
        Numbers of the query and the subject of each hit with an E-value below `MAX_EVALUE`.

    Raises
    ------
    BioPawsError
        When BLAST+ is missing or fails.
    """
    query_rows, subject_rows = ([i for i, text in enumerate(texts) if text] for texts in (queries, subjects))
    if not query_rows or not subject_rows:
        return set()
    with TemporaryDirectory(prefix="bio-paws-") as folder:
        database = Path(folder) / "subjects"
        blast.write_database(database, (subjects[i] for i in subject_rows), "dna")
        hits = blast.search_widely(
            ((i, queries[i]) for i in query_rows), database, "dna", ("-evalue", blast.WIDE_EVALUE)
        )
    rows = zip(*(hits[name].to_pylist() for name in ("query", "subject", "evalue")), strict=True)
    return {(int(query), subject_rows[int(subject)]) for query, subject, evalue in rows if evalue < MAX_EVALUE}


def pair_up(genes: Sequence[Gene], seed: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Find homologous pairs of genes, and as many others: the same first genes with genes of other groups.

    Raises
    ------
    BioPawsError
        When no two genes of a group find each other.
    """
    pairs = find_hits([gene.dna for gene in genes], [gene.dna for gene in genes])
    homologs = sorted((i, j) for i, j in pairs if i < j and genes[i].group == genes[j].group)
    if not homologs:
        raise BioPawsError(f"{CONFIG}: no homologous genes in {len(genes)}: take a larger --genes")
    rng = np.random.default_rng(seed)
    unrelated = []
    for i, _ in homologs:
        strangers = [j for j, gene in enumerate(genes) if gene.group != genes[i].group and (i, j) not in pairs]
        if strangers:
            unrelated.append((i, int(rng.choice(strangers))))
    return homologs, unrelated
