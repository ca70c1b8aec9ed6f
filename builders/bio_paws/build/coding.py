"""dna_protein: genes with the proteins they code for, and three sorts of pairs that look like it.

The sides of a pair are different molecules, so its numbers say how well the DNA reads as the protein: `similarity` is
`tools.translation.spliced_identity`, and score, identity and E-value are those of the best of six frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from bio_paws.align.karlin_altschul import bit_score, evalue
from bio_paws.align.smith_waterman import LETTERS
from bio_paws.align.translation import best_frame_alignment, spliced_identity
from bio_paws.build.cross_split_filter import CrossSplitFilter
from bio_paws.build.pair_filter import database_size, outcomes_of, with_outcomes
from bio_paws.build.regions import RegionIndex
from bio_paws.build.seeding import seeded
from bio_paws.configs import PairConfig, PairType
from bio_paws.execution.files import read_arrow, write_arrow
from bio_paws.execution.stages import Workdir, run_shards
from bio_paws.schema import UNLABELED_SCHEMA, Row
from bio_paws.sequences.corpus import Corpus, gene_dna
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.records import Gene

MUTATED_SHARE = (0.10, 0.30)
"""Part of a protein's residues that `mutated_protein` changes."""
SHIFTS_AT, SHIFT_JITTER = (0.3, 0.55, 0.8), 0.05
"""Where in the CDS `frameshift` breaks the reading frame, as parts of its length."""
FRAME_SHIFTS = ((1, 1, -2), (-1, -1, 2), (2, -1, -1), (-2, 1, 1))
"""Bases inserted or deleted there: each of the three frames is read for a part, and nothing is left over."""
LENGTH_CLASSES = (0.1, 0.2, 0.3)
"""How far apart the lengths of exchanged proteins, and of their genes, may be, closest first."""
GENES_PER_SHARD = 100


@dataclass(frozen=True)
class Proposal:
    """A pair to be made: which gene, which protein (both named by the protein's accession), and how."""

    kind: PairType
    gene: str
    protein: str
    split: str
    group1: str
    group2: str


class CodingPairs:
    """Makes the pairs of a dna_protein config."""

    def __init__(
        self,
        config: PairConfig,
        files: CorpusFiles,
        region_index: RegionIndex,
        work: Workdir,
        executor: Executor,
        seed: int,
    ) -> None:
        self._config = config
        self._files = files
        self._corpus = files.load()
        self._region_index = region_index
        self._work = work
        self._executor = executor
        self._seed = seed
        self._outcomes: Counter[str] = Counter()

    def make(self, cross_split_filter: CrossSplitFilter, pairs: int) -> tuple[dict[str, pa.Table], Counter[str]]:
        """Return the rows of each split (schema `UNLABELED_SCHEMA`), and genes and pairs by outcome."""
        coding = self._evaluate(self._eligible())
        rows: dict[str, list[Row]] = {}
        for split, quota in self._config.quotas(pairs).items():
            earlier_rows = [row for made in rows.values() for row in made]
            earlier_texts = {side: {row[side] for row in earlier_rows} for side in ("sentence1", "sentence2")}
            with (
                cross_split_filter.searcher(split, "dna", sorted(earlier_texts["sentence1"])) as genes,
                cross_split_filter.searcher(split, "protein", sorted(earlier_texts["sentence2"])) as proteins,
            ):
                searchers = {"sentence1": genes, "sentence2": proteins}
                clean = self._without_homologs([row for row in coding if row["split"] == split], searchers, set())
                rng = seeded(self._seed, self._config.name, split)
                chosen = [clean[i] for i in sorted(rng.permutation(len(clean))[:quota].tolist())]
                self._outcomes["missing_pairs"] += quota - len(chosen)
                dissimilar = self._evaluate(self._propose_dissimilar(chosen, rng))
                cleared = {row[side] for row in clean for side in searchers}
                rows[split] = self._with_dissimilar(chosen, self._without_homologs(dissimilar, searchers, cleared))
        return {
            split: pa.Table.from_pylist(made, schema=UNLABELED_SCHEMA) for split, made in rows.items()
        }, self._outcomes

    def _without_homologs(
        self, rows: list[Row], searchers: dict[str, Callable[[list[str]], set[str]]], cleared: set[str]
    ) -> list[Row]:
        """Leave out rows with a side that has a homolog in an earlier split; `cleared` strings have none."""
        leaking = {side: search(sorted({row[side] for row in rows} - cleared)) for side, search in searchers.items()}
        clean = [row for row in rows if not any(row[side] in homologs for side, homologs in leaking.items())]
        self._outcomes["homolog_in_other_split"] += len(rows) - len(clean)
        return clean

    def _eligible(self) -> list[Proposal]:
        """Genes whose length fits, each pair of strings once."""
        kept: list[Proposal] = []
        texts: set[tuple[str, str]] = set()
        for gene in self._corpus.genes.values():
            dna = gene_dna(self._corpus, gene)
            locus = self._region_index.find(*gene.span[:3])
            if dna is None:
                self._outcomes["no_genome"] += 1
            elif not self._config.min_length <= len(dna) <= self._config.max_length:
                self._outcomes["length"] += 1
            elif not set("ACGT").issuperset(dna) or not set(LETTERS["protein"]).issuperset(gene.protein):
                self._outcomes["ambiguous"] += 1
            elif locus is None:
                self._outcomes["crosses_groups"] += 1
            elif (dna, gene.protein) in texts:
                self._outcomes["duplicate"] += 1
            else:
                texts.add((dna, gene.protein))
                group, split = locus
                kept.append(Proposal("coding", gene.protein_id, gene.protein_id, split, group, group))
        return kept

    def _propose_dissimilar(self, chosen: list[Row], rng: np.random.Generator) -> list[Proposal]:
        """Say for each chosen gene which dissimilar pair it gives."""
        shares = dict(self._config.dissimilar_mix)
        exchanged = exchange(chosen, round(len(chosen) * shares["other_gene"] / 200), rng)
        rest = [i for i in rng.permutation(len(chosen)).tolist() if i not in exchanged]
        count = round(len(rest) * shares["frameshift"] / (shares["frameshift"] + shares["mutated_protein"]))
        shifted = set(rest[:count])
        proposals = []
        for i, row in enumerate(chosen):
            partner = chosen[exchanged.get(i, i)]
            kind: PairType = "other_gene" if i in exchanged else "frameshift" if i in shifted else "mutated_protein"
            proposals.append(
                Proposal(kind, row["gene"], partner["gene"], row["split"], row["group1"], partner["group2"])
            )
        return proposals

    def _with_dissimilar(self, chosen: list[Row], dissimilar: list[Row]) -> list[Row]:
        """Keep the genes whose dissimilar pair came out, each with it; exchanges both ways or not at all."""
        made = {row["gene"]: row for row in dissimilar}
        back = {row["gene"]: row["source2"] for row in dissimilar}
        rows: list[Row] = []
        for row in chosen:
            if row["gene"] in made and back[row["gene"]] in made:
                rows += (row, made[row["gene"]])
            else:
                self._outcomes["no_dissimilar_pair"] += 1
        return rows

    def _evaluate(self, proposals: list[Proposal]) -> list[Row]:
        """Make the strings of proposed pairs and judge them, in shards."""
        shards = []
        for at in range(0, len(proposals), GENES_PER_SHARD):
            batch = proposals[at : at + GENES_PER_SHARD]
            path = self._work.path(
                "coding", ".arrow", vars(self._config), self._seed, [vars(proposal) for proposal in batch]
            )
            shards.append((path, (self._config, self._files, batch, self._seed)))
        paths = run_shards(self._executor, _evaluate_shard, shards, f"{self._config.name} readings")
        rows: list[Row] = []
        for table in map(read_arrow, paths):
            self._outcomes.update(outcomes_of(table))
            rows += table.to_pylist()
        return rows


def exchange(chosen: list[Row], wanted: int, rng: np.random.Generator) -> dict[int, int]:
    """Pair genes of one organism and length class, from different groups, to exchange their proteins.

    Returns
    -------
    dict of int to int
        Partner of each exchanged gene: at most `wanted` pairs, both ways.
    """
    partner: dict[int, int] = {}
    order = rng.permutation(len(chosen)).tolist()
    for tolerance in LENGTH_CLASSES:
        for at, i in enumerate(order):
            if i in partner:
                continue
            for j in order[at + 1 :]:
                if len(partner) >= 2 * wanted:
                    return partner
                if j not in partner and _exchangeable(chosen[i], chosen[j], tolerance):
                    partner[i], partner[j] = j, i
                    break
    return partner


def _exchangeable(row1: Row, row2: Row, tolerance: float) -> bool:
    if row1["organism1"] != row2["organism1"] or row1["group1"] == row2["group1"]:
        return False
    for name in ("sentence1", "sentence2"):
        short, long = sorted((len(row1[name]), len(row2[name])))
        if long - short > tolerance * short:
            return False
    return True


_PROPOSED = pa.schema([*UNLABELED_SCHEMA, ("split", pa.string()), ("gene", pa.string())])


def _evaluate_shard(path: Path, config: PairConfig, files: CorpusFiles, batch: list[Proposal], seed: int) -> None:
    corpus = files.load()
    outcomes: Counter[str] = Counter()
    rows = []
    for proposal in batch:
        row = _make(config, corpus, proposal, seeded(seed, config.name, *vars(proposal).values()))
        coding = proposal.kind == "coding"
        if coding and row["similarity"] <= config.min_similarity:
            outcomes["coding_not_readable"] += 1
        elif not coding and row["similarity"] >= config.max_dissimilarity:
            outcomes[f"{proposal.kind}_still_readable"] += 1
        else:
            outcomes["accepted"] += coding
            rows.append(row)
    table = pa.Table.from_pylist(rows, schema=_PROPOSED)
    write_arrow(path, with_outcomes(table, outcomes))


def _make(config: PairConfig, corpus: Corpus, proposal: Proposal, rng: np.random.Generator) -> Row:
    gene, protein = corpus.genes[proposal.gene], corpus.genes[proposal.protein]
    text1, text2 = gene_dna(corpus, gene) or "", protein.protein
    if proposal.kind == "mutated_protein":
        text2 = mutate_protein(text2, rng)
    elif proposal.kind == "frameshift":
        text1 = break_frame(text1, gene, rng)
    code = corpus.genetic_code(gene.span.source)
    alignment = best_frame_alignment(text1, text2, code)
    translations = 2 * database_size(corpus, "dna")  # residues of the six translations of the genomes
    return {
        "sentence1": text1,
        "sentence2": text2,
        **{f"{name}1": value for name, value in gene.span._asdict().items()},
        "organism1": gene.organism,
        "source2": protein.protein_id,
        "organism2": protein.organism,
        "start2": 0,
        "end2": len(protein.protein),
        "strand2": "+",
        "similarity": spliced_identity(text1, text2, code),
        "identity": alignment.identity,
        "evalue": evalue(alignment.score, len(text2), translations, "protein"),
        "bit_score": bit_score(alignment.score, "protein"),
        "sw_score": alignment.score,
        "kind": proposal.kind,
        "group1": proposal.group1,
        "group2": proposal.group2,
        "split": proposal.split,
        "gene": proposal.gene,
    }


def mutate_protein(protein: str, rng: np.random.Generator) -> str:
    """Change 10-30% of a protein's residues: four in five substituted, the others inserted or deleted.

    New residues are drawn from the protein's own, so that its composition gives nothing away; the first one stays.
    """
    residues = list(protein)
    changes = int(np.ceil(rng.uniform(*MUTATED_SHARE) * len(protein)))
    for place in rng.permutation(np.arange(1, len(protein)))[:changes].tolist():
        what = rng.random()
        different = [residue for residue in protein if residue != protein[place]] or ["A"]
        replacement = different[int(rng.integers(0, len(different)))]
        if what < 0.8:
            residues[place] = replacement
        elif what < 0.9:
            residues[place] = replacement + residues[place]
        else:
            residues[place] = ""
    return "".join(residues)


def break_frame(dna: str, gene: Gene, rng: np.random.Generator) -> str:
    """Shift a gene's reading frame at three places of its CDS, through all three frames and back.

    Each shift inserts or deletes one base or two in an exon; together they leave the gene's length and both its ends as
    they were, so that nothing but the reading tells. About half of the protein can still be read.

    Parameters
    ----------
    dna : str
        The gene on its strand.
    gene : Gene
        Its exons.
    rng : numpy.random.Generator
        Decides where and what.
    """
    exons = [(start - gene.span.start, end - gene.span.start) for start, end in gene.exons]
    if gene.span.strand == "-":
        exons = [(len(dna) - end, len(dna) - start) for start, end in reversed(exons)]
    coding = [at for start, end in exons for at in range(start, end)]
    places = [coding[int((at + rng.uniform(-SHIFT_JITTER, SHIFT_JITTER)) * len(coding))] for at in SHIFTS_AT]
    shifts = FRAME_SHIFTS[int(rng.integers(0, len(FRAME_SHIFTS)))]
    for place, shift in sorted(zip(places, shifts, strict=True), reverse=True):
        inserted = "".join("ACGT"[i] for i in rng.integers(0, 4, max(shift, 0)))
        dna = dna[:place] + inserted + dna[place + max(-shift, 0) :]
    return dna
