"""The configs of the data set. A new data set is one entry in `CONFIGS`, nothing else."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

from bio_paws.errors import ConfigError

if TYPE_CHECKING:  # the command line reads this before it knows that there is memory for libraries
    import numpy as np
    from numpy.typing import NDArray

CHANGES: tuple[tuple[str, str, str], ...] = (("1.0.0", "2026-11-29", "The first release."),)
"""Versions of the data, the newest first, the day of each release, and what it changed. A new version is one entry
here: major when rows a model was scored on change, minor when configs, columns or values are added, else patch."""

DATA_VERSION = CHANGES[0][0]

Key = TypeVar("Key", bound=Hashable)

SearchFrom = Literal["auto", "genomes", "genes"]
"""What is searched for similar DNA: whole genomes, regions around genes, or these where the genomes are large."""
SEARCH_FROM: tuple[SearchFrom, ...] = ("auto", "genomes", "genes")
LARGEST_WHOLE = 300_000_000
"""Bases of all genomes up to which "auto" is "genomes"."""

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SPLIT_SHARES: tuple[Fraction, ...] = (Fraction(8, 10), Fraction(1, 10), Fraction(1, 10))


def apportion(total: int, shares: Mapping[Key, Fraction], least: int = 0) -> dict[Key, int]:
    """Share out a number of things: whole ones, all of them, as near to the shares as that allows.

    Parameters
    ----------
    total : int
        How many there are.
    shares : mapping of key to Fraction
        They sum to 1.
    least : int
        What each gets before the shares count, as far as the total suffices for all.

    Examples
    --------
    >>> apportion(25, {"train": Fraction(8, 10), "validation": Fraction(1, 10), "test": Fraction(1, 10)})
    {'train': 20, 'validation': 3, 'test': 2}
    >>> apportion(3, {"train": Fraction(8, 10), "validation": Fraction(1, 10), "test": Fraction(1, 10)}, least=1)
    {'train': 1, 'validation': 1, 'test': 1}
    """
    least = least if total >= least * len(shares) else 0
    parts = {key: max(total * share, Fraction(least)) for key, share in shares.items()}
    whole = {key: int(part) for key, part in parts.items()}
    while sum(whole.values()) > total:  # what some have by `least` alone is taken from the largest
        whole[max(whole, key=lambda key: whole[key])] -= 1
    by_rest = sorted(parts, key=lambda key: whole[key] - parts[key])
    for key in by_rest[: total - sum(whole.values())]:
        whole[key] += 1
    return whole


Molecule = Literal["dna", "protein", "dna_protein"]
PairType = Literal[
    "homolog",
    "identical",
    "containment",
    "other_group",
    "coding",
    "other_gene",
    "mutated_protein",
    "frameshift",
    "homolog_90",
    "homolog_80",
    "homolog_70",
    "homolog_60",
    "homolog_50",
    "remote",
    "remote_homolog",
    "permuted_homolog",
    "shuffled_homolog",
    "permuted",
    "shuffled",
]

SIMILARITY_BINS: tuple[tuple[PairType, float, float], ...] = (
    ("homolog_90", 0.9, 1.0),
    ("homolog_80", 0.8, 0.9),
    ("homolog_70", 0.7, 0.8),
    ("homolog_60", 0.6, 0.7),
    ("homolog_50", 0.5, 0.6),
    ("remote", 0.0, 0.5),
)
"""Kinds of the graded configs: similarity from, inclusive, and up to, exclusive."""

PAIR_TYPES: dict[str, str] = {
    "homolog": "homologs, neither identical nor contained in each other",
    "identical": "the same sequence at two positions",
    "containment": "one sequence contains the other",
    "other_group": "the second sequence of a similar pair from another homology group",
    "coding": "a gene and the protein it codes for",
    "other_gene": "the protein of another gene of the same organism and length class",
    "mutated_protein": "the right protein with 10-30% of its residues changed",
    "frameshift": "the right protein, but the reading frame of the gene is broken",
    **{kind: f"homologs of similarity {low} to {high}" for kind, low, high in SIMILARITY_BINS},
    "remote": f"homologs of similarity under {SIMILARITY_BINS[-1][2]}",
    "remote_homolog": "remote homologs over their whole length, neither cut nor rearranged",
    "permuted_homolog": "homologs with their blocks rearranged, both in the same order",
    "shuffled_homolog": "homologs shuffled in the same way, keeping dinucleotide or dipeptide counts",
    "permuted": "the same homologs with their blocks in two different orders",
    "shuffled": "the same homologs, shuffled in two different ways",
}
"""How pairs of each type were made, in the words of the card."""

EXACT: frozenset[PairType] = frozenset({"identical", "containment"})
"""Kinds that are cut from runs of identical letters."""

REARRANGED: dict[PairType, PairType] = {"permuted_homolog": "permuted", "shuffled_homolog": "shuffled"}
"""Kinds of the adversarial configs: what is done alike to both sides, and the same done in two ways."""

SYNTHETIC: frozenset[PairType] = frozenset({*REARRANGED, *REARRANGED.values(), "mutated_protein", "frameshift"})
"""Types of pairs of which a sequence does not occur in nature."""

OVERLAP_KMERS = (3, 5)
"""Letters of the words whose overlap is matched in the adversarial and the remote configs."""
MAX_OVERLAP_DIFFERENCE = 0.03
"""How far the Jaccard overlap of a dissimilar pair may lie there from that of the similar pair with the same first
side. Among similar pairs of dna150_paws it spreads by some 0.1."""


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
        Kinds of similar pairs, and how many parts of the whole each has.
    dissimilar_mix : tuple of (kind, share)
        The same of the dissimilar pairs.
    summary : str
        One sentence for `bio-paws list` and the card.
    min_similarity, max_similarity : float
        Similar pairs of kind `homolog` lie above the first; remote and rearranged ones lie between the two (see
        `accepts`).
    max_dissimilarity : float
        Dissimilar pairs lie below it, DNA on both strands.
    min_dissimilar_evalue : float
        Smallest E-value of a dissimilar pair.
    length_spread : float
        sentence1 is drawn uniformly from ``mean_length * (1 +- length_spread)``.
    length_tolerance : float
        The two lengths differ by at most this part of the shorter one.
    max_evalue : float
        Largest E-value of a similar pair.
    max_masked : float
        Largest soft-masked part of a DNA window.
    needs_large_source : bool
        Whether it is built of a source that is too small for broad splits only where it is named.
    """

    name: str
    molecule: Molecule
    mean_length: int
    pairs: int
    similar_mix: tuple[tuple[PairType, int], ...]
    dissimilar_mix: tuple[tuple[PairType, int], ...]
    summary: str
    min_similarity: float = 0.85
    max_similarity: float = 1.0
    max_dissimilarity: float = 0.55
    min_dissimilar_evalue: float = 0.0
    length_spread: float = 0.2
    length_tolerance: float = 0.1
    max_evalue: float = 1e-5
    max_masked: float = 0.2
    needs_large_source: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"config name {self.name!r} must be lower-case letters, digits and _")
        for mix in (self.similar_mix, self.dissimilar_mix):
            if not mix or any(share < 1 for _, share in mix) or len(dict(mix)) < len(mix):
                raise ValueError(f"{self.name}: {mix} is not a mix of different kinds, each with its share")

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
    def similar_types(self) -> frozenset[str]:
        """Kinds that carry label 1."""
        return frozenset(kind for kind, _ in self.similar_mix)

    @property
    def dissimilar_types(self) -> frozenset[str]:
        """Kinds that carry label 0."""
        return frozenset(kind for kind, _ in self.dissimilar_mix)

    @property
    def graded(self) -> bool:
        """Whether similar pairs are sorted into `SIMILARITY_BINS`."""
        return self.similar_mix == _BINNED

    @property
    def rearranged(self) -> bool:
        """Whether words stand in the same or in another order, and nothing else tells the label."""
        return self.similar_types <= REARRANGED.keys()

    @property
    def remote(self) -> bool:
        """Whether similar pairs are remote homologs, and dissimilar ones are mined for as many k-mers in common."""
        return self.similar_types == {"remote_homolog"}

    @property
    def drawn_types(self) -> dict[PairType, float]:
        """Kinds of windows to draw, and the part of all draws that each has."""
        if self.graded:
            return {"homolog": 1.0}
        total = sum(share for _, share in self.similar_mix)
        return {kind: share / total for kind, share in self.similar_mix}

    @property
    def pairs_at_once(self) -> int:
        """Pairs that come together, half of them similar: of any number, a build makes the nearest multiple of it.

        An exchange quartet has four; a graded config has as many in each similarity bin; a gene of dna_protein gives
        one of either label.
        """
        return 2 if self.molecule == "dna_protein" else 2 * len(SIMILARITY_BINS) if self.graded else 4

    @property
    def fewest_pairs(self) -> int:
        """Pairs of which each split has some."""
        return self.pairs_at_once * len(SPLITS)

    def quotas(self, pairs: int) -> dict[str, int]:
        """Return how many similar pairs each split gets of so many pairs, `fewest_pairs` or more."""
        shares = dict(zip(SPLITS, SPLIT_SHARES, strict=True))
        units = apportion(round(Fraction(pairs, self.pairs_at_once)), shares, least=1)
        return {split: count * self.pairs_at_once // 2 for split, count in units.items()}

    def similar_quotas(self, pairs: int) -> dict[PairType, int]:
        """How many of so many similar pairs, as `quotas` gives a split, are of each kind."""
        total = sum(share for _, share in self.similar_mix)
        # The two similar pairs of a quartet are rearranged in one way.
        at_once = 2 if self.rearranged else 1
        units = apportion(pairs // at_once, {kind: Fraction(share, total) for kind, share in self.similar_mix})
        return {kind: count * at_once for kind, count in units.items()}

    def accepts(self, kind: PairType, similarity: float) -> bool:
        """Whether a similar pair of this kind may have that similarity.

        A `homolog` must lie above `min_similarity`. Binned, remote and rearranged pairs must lie in [low, high), or,
        where the upper bound is 1.0, in [low, 1.0]. Identical and containment pairs may have any similarity.
        """
        if kind in EXACT:
            return True
        if kind == "homolog":
            return similarity > self.min_similarity
        bands = {band: (low, high) for band, low, high in SIMILARITY_BINS}
        low, high = bands.get(kind, (self.min_similarity, self.max_similarity))
        return low <= similarity < high or similarity == high == 1.0

    def lengths_agree(self, length1: NDArray[np.int64], length2: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether two lengths, many times, differ by at most `length_tolerance` of the shorter one."""
        difference = abs(length1 - length2)
        agree: NDArray[np.bool_] = difference <= self.length_tolerance * length1
        agree &= difference <= self.length_tolerance * length2
        return agree


_HOMOLOG: tuple[tuple[PairType, int], ...] = (("homolog", 100),)
_OTHER: tuple[tuple[PairType, int], ...] = (("other_group", 100),)
_BINNED: tuple[tuple[PairType, int], ...] = tuple((kind, 1) for kind, _, _ in SIMILARITY_BINS)


def _adversarial(name: str, molecule: Molecule, mean_length: int, permuted: int) -> PairConfig:
    """Return a config whose pairs share their words: so many percent permuted, the others shuffled."""
    unit = "aa" if molecule == "protein" else "bp"
    kinds: tuple[PairType, PairType] = ("permuted_homolog", "shuffled_homolog")
    return PairConfig(
        name=name,
        molecule=molecule,
        mean_length=mean_length,
        pairs=20_000,
        similar_mix=((kinds[0], permuted), (kinds[1], 100 - permuted)),
        dissimilar_mix=((REARRANGED[kinds[0]], permuted), (REARRANGED[kinds[1]], 100 - permuted)),
        summary=f"{'proteins' if unit == 'aa' else 'DNA'} of about {mean_length} {unit}; adversarial: "
        "homologs cut into blocks; label 1 if both have their blocks in the same order, 0 if not",
        min_similarity=0.6,
        max_similarity=0.8,
    )


def _graded(name: str, molecule: Molecule, mean_length: int) -> PairConfig:
    """Return a config with equally many similar pairs in each of `SIMILARITY_BINS`."""
    unit = "aa" if molecule == "protein" else "bp"
    return PairConfig(
        name=name,
        molecule=molecule,
        mean_length=mean_length,
        pairs=20_000,
        similar_mix=_BINNED,
        dissimilar_mix=_OTHER,
        summary=f"{'proteins' if unit == 'aa' else 'DNA'} of about {mean_length} {unit}; similar pairs from nearly "
        "identical to remote, in six similarity bins",
        min_similarity=0.0,
        min_dissimilar_evalue=1.0,
    )


def _remote(name: str, mean_length: int, max_evalue: float) -> PairConfig:
    """Return a config of proteins that are homologous over their whole length, but share few residues."""
    return PairConfig(
        name=name,
        molecule="protein",
        mean_length=mean_length,
        pairs=20_000,
        similar_mix=(("remote_homolog", 100),),
        dissimilar_mix=_OTHER,
        summary=f"protein of about {mean_length} aa; similar pairs are natural remote homologs with similarity 0.25 to "
        "0.4; dissimilar pairs mined for as many k-mers in common",
        min_similarity=0.25,
        max_similarity=0.4,
        max_dissimilarity=0.25,
        min_dissimilar_evalue=1.0,
        max_evalue=max_evalue,
        needs_large_source=True,
    )


# In the order of the card: the Hub shows the first one to visitors, so it is one that no baseline solves.
CONFIGS: tuple[PairConfig, ...] = (
    _adversarial("dna150_paws", "dna", 150, permuted=50),
    _adversarial("protein150_paws", "protein", 50, permuted=90),
    _adversarial("protein450_paws", "protein", 150, permuted=75),
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
    # Of 50 residues of which a third are equal few alignments reach 1e-5; those of their whole proteins do.
    _remote("protein150_remote", 50, max_evalue=0.1),
    _remote("protein450_remote", 150, max_evalue=1e-5),
    _graded("dna150_graded", "dna", 150),
    _graded("protein150_graded", "protein", 50),
    PairConfig(
        name="dna150s",
        molecule="dna",
        mean_length=150,
        pairs=20_000,
        similar_mix=(("identical", 30), ("containment", 40), ("homolog", 30)),
        dissimilar_mix=_OTHER,
        summary="DNA of about 150 bp; similar pairs are identical, contained in each other, or homologous",
    ),
)


def index_by_name(configs: tuple[PairConfig, ...]) -> dict[str, PairConfig]:
    """Index configs by name; duplicates are a programming error found at import."""
    index: dict[str, PairConfig] = {}
    for config in configs:
        if config.name in index:
            raise ValueError(f"config {config.name!r} is defined twice")
        index[config.name] = config
    return index


index_by_name(CONFIGS)


def get_config(name: str) -> PairConfig:
    """Return the config called `name`.

    Raises
    ------
    ConfigError
        When there is none; the message names those that exist.
    """
    index = index_by_name(CONFIGS)
    if name not in index:
        raise ConfigError(f"unknown config {name!r}: choose from {', '.join(index)}")
    return index[name]
