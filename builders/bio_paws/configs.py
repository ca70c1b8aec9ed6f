"""The configs of the data set. A new data set is one entry in `CONFIGS`, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from bio_paws.errors import BioPawsError

DATA_VERSION = "1.0.0"
"""Version of the data: major when rows a model was scored on change, minor when configs or columns are added."""

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SPLIT_SHARES: tuple[Fraction, ...] = (Fraction(8, 10), Fraction(1, 10), Fraction(1, 10))


def quotas(pairs: int) -> dict[str, int]:
    """Return how many similar pairs each split gets of so many pairs."""
    return {split: round(pairs * share / 2) for split, share in zip(SPLITS, SPLIT_SHARES, strict=True)}


Molecule = Literal["dna", "protein", "dna_protein"]
Kind = Literal[
    "homolog",  # similar: cut from one BLAST alignment, neither identical nor contained
    "identical",  # similar: the same string at two loci
    "containment",  # similar: one string contains the other
    "other_group",  # dissimilar: second member of another homology group
    "coding",  # similar: a gene and the protein it codes for
    "other_gene",  # dissimilar: the protein of another gene of the same organism and length class
    "mutated_protein",  # dissimilar: the right protein, 10-30% of its residues changed
    "frameshift",  # dissimilar: the right gene, its reading frame broken
]


@dataclass(frozen=True)
class PairConfig:
    """One config: what a pair is, and which pairs are similar.

    Attributes
    ----------
    name : str
        Config name on the Hub.
    molecule : {"dna", "protein", "dna_protein"}
        What sentence1 and sentence2 hold.
    mean_length : int
        Mean length of sentence1, bp for DNA and dna_protein, aa for proteins.
    pairs : int
        Pairs over all splits where the source has that many; half of them similar.
    similar_mix : tuple of (kind, share)
        Kinds of similar pairs and their shares, in percent.
    dissimilar_mix : tuple of (kind, share)
        Kinds of dissimilar pairs; shares in percent.
    summary : str
        One sentence for `bio-paws list` and the card.
    min_similarity : float
        Similar pairs of kind `homolog` lie above it.
    max_dissimilarity : float
        Dissimilar pairs lie below it, DNA on both strands.
    length_spread : float
        sentence1 is drawn uniformly from ``mean_length * (1 +- length_spread)``.
    length_tolerance : float
        The two lengths differ by at most this part of the shorter one.
    max_evalue : float
        Largest E-value of a similar pair.
    max_masked : float
        Largest soft-masked part of a DNA window.
    """

    name: str
    molecule: Molecule
    mean_length: int
    pairs: int
    similar_mix: tuple[tuple[Kind, int], ...]
    dissimilar_mix: tuple[tuple[Kind, int], ...]
    summary: str
    min_similarity: float = 0.85
    max_dissimilarity: float = 0.55
    length_spread: float = 0.2
    length_tolerance: float = 0.1
    max_evalue: float = 1e-5
    max_masked: float = 0.2

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"config name {self.name!r} must be lower-case letters, digits and _")
        for mix in (self.similar_mix, self.dissimilar_mix):
            if sum(share for _, share in mix) != 100:
                raise ValueError(f"{self.name}: the shares of {mix} do not sum to 100")

    @property
    def unit(self) -> str:
        """Unit of the lengths of sentence1: bp or aa."""
        return "aa" if self.molecule == "protein" else "bp"

    @property
    def min_length(self) -> int:
        """Shortest sentence1, in `unit`."""
        return round(self.mean_length * (1 - self.length_spread))

    @property
    def max_length(self) -> int:
        """Longest sentence1, in `unit`."""
        return round(self.mean_length * (1 + self.length_spread))

    @property
    def label_names(self) -> tuple[str, str]:
        """Names of labels 0 and 1."""
        return ("not_coding", "coding") if self.molecule == "dna_protein" else ("dissimilar", "similar")

    @property
    def similar_kinds(self) -> frozenset[str]:
        """Kinds that carry label 1."""
        return frozenset(kind for kind, _ in self.similar_mix)

    @property
    def dissimilar_kinds(self) -> frozenset[str]:
        """Kinds that carry label 0."""
        return frozenset(kind for kind, _ in self.dissimilar_mix)

    def lengths_agree(self, length1: int, length2: int) -> bool:
        """Whether the two lengths differ by at most `length_tolerance` of the shorter one."""
        return abs(length1 - length2) <= self.length_tolerance * min(length1, length2)


_HOMOLOG: tuple[tuple[Kind, int], ...] = (("homolog", 100),)
_OTHER: tuple[tuple[Kind, int], ...] = (("other_group", 100),)

CONFIGS: tuple[PairConfig, ...] = (
    PairConfig(
        name="dna150s",
        molecule="dna",
        mean_length=150,
        pairs=20_000,
        similar_mix=(("identical", 30), ("containment", 40), ("homolog", 30)),
        dissimilar_mix=_OTHER,
        summary="DNA of about 150 bp; similar pairs are identical, contained in each other, or homologous",
    ),
    PairConfig(
        name="dna150",
        molecule="dna",
        mean_length=150,
        pairs=20_000,
        similar_mix=_HOMOLOG,
        dissimilar_mix=_OTHER,
        summary="DNA of about 150 bp; similar pairs are homologous, neither identical nor contained",
    ),
    PairConfig(
        name="dna50",
        molecule="dna",
        mean_length=50,
        pairs=20_000,
        similar_mix=_HOMOLOG,
        dissimilar_mix=_OTHER,
        summary="DNA of about 50 bp; similar pairs as in dna150",
    ),
    PairConfig(
        name="protein150",
        molecule="protein",
        mean_length=50,
        pairs=20_000,
        similar_mix=_HOMOLOG,
        dissimilar_mix=_OTHER,
        summary="protein of about 50 aa (150 bp coding); similar pairs as in dna150",
    ),
    PairConfig(
        name="protein450",
        molecule="protein",
        mean_length=150,
        pairs=20_000,
        similar_mix=_HOMOLOG,
        dissimilar_mix=_OTHER,
        summary="protein of about 150 aa (450 bp coding); similar pairs as in dna150",
    ),
    PairConfig(
        name="dna_protein",
        molecule="dna_protein",
        mean_length=1300,
        pairs=25_600,
        similar_mix=(("coding", 100),),
        dissimilar_mix=(("other_gene", 34), ("mutated_protein", 33), ("frameshift", 33)),
        summary="a gene with its introns and a protein; label 1 when the gene codes for the protein",
        min_similarity=0.95,
        max_dissimilarity=0.92,
        length_spread=0.85,
    ),
)


def _by_name(configs: tuple[PairConfig, ...]) -> dict[str, PairConfig]:
    """Index configs by name; duplicates are a programming error found at import."""
    index: dict[str, PairConfig] = {}
    for config in configs:
        if config.name in index:
            raise ValueError(f"config {config.name!r} is defined twice")
        index[config.name] = config
    return index


_by_name(CONFIGS)


def get_config(name: str) -> PairConfig:
    """Return the config called `name`.

    Raises
    ------
    BioPawsError
        When there is none; the message names those that exist.
    """
    index = _by_name(CONFIGS)
    if name not in index:
        raise BioPawsError(f"unknown config {name!r}: choose from {', '.join(index)}")
    return index[name]
