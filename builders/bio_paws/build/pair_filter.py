"""Which pairs are let in: each drawn pair is accepted, or rejected for one stated reason, and reasons are counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.align.karlin_altschul import bit_score, evalue
from bio_paws.align.smith_waterman import (
    LETTERS,
    Alignments,
    Alphabet,
    best_alignment,
    best_alignments,
    reverse_complement,
)
from bio_paws.build.candidates import CANDIDATES, Candidates
from bio_paws.build.regions import RegionIndex
from bio_paws.build.segments import Ints
from bio_paws.configs import SIMILARITY_BINS, PairConfig, PairType
from bio_paws.features.pair_features import composition
from bio_paws.schema import UNLABELED_SCHEMA, Row
from bio_paws.sequences.corpus import Corpus, representative_proteins
from bio_paws.sequences.records import Intervals

if TYPE_CHECKING:
    from bio_paws.build.windows import Window


_WINDOWS_AT_ONCE = 10_000


def contains(a: str, b: str, alphabet: Alphabet) -> bool:
    """Whether one string contains the other, DNA on either strand; identical strings contain each other."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    return short in long or (alphabet == "dna" and reverse_complement(short) in long)


def database_size(corpus: Corpus, alphabet: Alphabet) -> int:
    """Residues of the database that E-values refer to."""
    whole = corpus.dna.values() if alphabet == "dna" else representative_proteins(corpus)
    return sum(len(sequence.residues) for sequence in whole)


def with_outcomes(table: pa.Table, outcomes: Counter[str]) -> pa.Table:
    """Return the table with counts of outcomes in its metadata."""
    return table.replace_schema_metadata({"outcomes": json.dumps(outcomes, sort_keys=True)})


def outcomes_of(table: pa.Table) -> Counter[str]:
    """Return the counts of outcomes that came with a table of candidates."""
    return Counter(json.loads((table.schema.metadata or {}).get(b"outcomes", b"{}")))


def similarity_bin(similarity: float) -> PairType:
    """Return the kind of a similarity: that of `SIMILARITY_BINS` it lies in."""
    return next(kind for kind, low, _ in SIMILARITY_BINS if similarity >= low)


@dataclass(frozen=True)
class ExtractedPairs:
    """Pairs of intervals and what lies there.

    Attributes
    ----------
    reasons : list of str
        Why they cannot make a pair; empty where they can.
    locus : ndarray, int64
        Number in `RegionIndex.loci` of the first side's group and split.
    text1, text2 : list of str
        Upper-case strings, each on its strand.
    """

    reasons: list[str]
    locus: Ints
    text1: list[str]
    text2: list[str]


def _first_reason(count: int, **reasons: NDArray[np.bool_]) -> list[str]:
    """Name for each of so many the first of the reasons that is true, or nothing."""
    names: list[str] = np.select(list(reasons.values()), list(reasons), np.full(count, "")).tolist()
    return names


def _oriented(texts: list[str], strands: Sequence[str]) -> list[str]:
    """Turn letters of the forward strand into upper-case strings."""
    return [
        text.upper() if strand == "+" else reverse_complement(text.upper())
        for text, strand in zip(texts, strands, strict=True)
    ]


class PairFilter:
    """Judges drawn pairs of one config against its constraints."""

    def __init__(self, config: PairConfig, corpus: Corpus, region_index: RegionIndex) -> None:
        self.config = config
        self.alphabet: Alphabet = "protein" if config.molecule == "protein" else "dna"
        self._corpus = corpus
        self._organism = corpus.organism
        self._region_index = region_index
        self._database_size = database_size(corpus, self.alphabet)
        letters = LETTERS[self.alphabet]
        self._known = np.isin(np.arange(256), list((letters + letters.lower()).encode()))

    def candidates(self, windows: Iterable[Window]) -> pa.Table:
        """Return the accepted windows (schema `CANDIDATES`), with the count of each outcome in the metadata."""
        outcomes: Counter[str] = Counter()
        remaining = iter(windows)
        tables = [CANDIDATES.empty_table()]
        # Long alignments give a shard any number of windows.
        while chunk := list(islice(remaining, _WINDOWS_AT_ONCE)):
            tables.append(self._filter_batch(chunk, outcomes))
        return with_outcomes(pa.concat_tables(tables).combine_chunks(), outcomes)

    def _filter_batch(self, windows: list[Window], outcomes: Counter[str]) -> pa.Table:
        """Return the candidates among some windows; all that is no candidate is counted by the first reason."""
        sides = [Intervals.of([window.side1 for window in windows]), Intervals.of([window.side2 for window in windows])]
        placed = self.place(*sides)
        reasons = [
            reason or self._kind_reason(window.kind, *texts)
            for window, reason, *texts in zip(windows, placed.reasons, placed.text1, placed.text2, strict=True)
        ]
        # Aligning costs most: only what every cheaper reason leaves is aligned.
        fit = [i for i, reason in enumerate(reasons) if not reason]
        text2 = [placed.text2[i] for i in fit]
        alignments = best_alignments(
            [(placed.text1[i], text) for i, text in zip(fit, text2, strict=True)], self.alphabet
        )
        longer = np.maximum(*(side.length[fit] for side in sides))
        measured = self.measured(longer, alignments)
        similarities: list[float] = measured["similarity"].tolist()
        # The type of a pair in a graded config is its similarity bin, which only the alignment tells.
        kinds = (
            [similarity_bin(similarity) for similarity in similarities]
            if self.config.graded
            else [windows[i].kind for i in fit]
        )
        accepted = list(map(self.config.accepts, kinds, similarities))
        verdicts = _first_reason(
            len(fit), similarity=~np.array(accepted, dtype=bool), evalue=measured["evalue"] >= self.config.max_evalue
        )
        outcomes.update(reason for reason in reasons if reason)
        outcomes.update(verdict or "accepted" for verdict in verdicts)
        columns = {
            "kind": kinds,
            "split": [self._region_index.assignments[number][1] for number in placed.locus[fit].tolist()],
            "group": [self._region_index.assignments[number][0] for number in placed.locus[fit].tolist()],
            "tile": [windows[i].tile for i in fit],
            **vars(alignments),
            "composition2": [composition(text, self.alphabet) for text in text2],
        }
        for number, side in enumerate(sides, start=1):
            columns |= {f"{name}{number}": values for name, values in vars(side.take(fit)).items()}
        table = pa.table([pa.array(columns[field.name], field.type) for field in CANDIDATES], schema=CANDIDATES)
        return table.filter(pa.array([not verdict for verdict in verdicts], pa.bool_()))

    def place(self, side1: Intervals, side2: Intervals) -> ExtractedPairs:
        """Cut out the strings of pairs of intervals, and say which of them cannot make a pair."""
        config = self.config
        locus, locus2 = self._region_index.find_many(side1), self._region_index.find_many(side2)
        same = np.array(
            [source1 == source2 for source1, source2 in zip(side1.source, side2.source, strict=True)], dtype=bool
        )
        shorter, longer = np.minimum(side1.length, side2.length), np.maximum(side1.length, side2.length)
        raw = self._cut(side1), self._cut(side2)
        (masked1, known1), (masked2, known2) = map(self._letters, raw)
        reasons = _first_reason(
            len(locus),
            crosses_groups=(locus < 0) | (locus != locus2),
            overlaps_itself=same & (side1.start < side2.end) & (side2.start < side1.end),
            # Both sides keep to the range: which of them comes first is drawn later.
            length=(shorter < config.min_length)
            | (longer > config.max_length)
            | ~config.lengths_agree(side1.length, side2.length),
            repeat_masked=(self.alphabet == "dna") & (np.maximum(masked1, masked2) > config.max_masked),
            ambiguous=~(known1 & known2),
        )
        return ExtractedPairs(reasons, locus, _oriented(raw[0], side1.strand), _oriented(raw[1], side2.strand))

    def locus(self, number: int) -> tuple[str, str]:
        """Return group and split of a locus that `place` found."""
        return self._region_index.assignments[number]

    def organism(self, source: str) -> str:
        """Return the organism of a sequence."""
        return self._organism[source]

    def texts(self, places: Intervals) -> list[str]:
        """Return the upper-case strings of intervals, each on its strand."""
        return _oriented(self._cut(places), places.strand)

    def describe(self, text1: str, text2: str) -> Row:
        """Return the strings of a pair and what their alignment says."""
        alignment = Alignments(*np.array([best_alignment(text1, text2, self.alphabet)]).T)
        measured = self.measured(np.array([max(len(text1), len(text2))]), alignment)
        return {"sentence1": text1, "sentence2": text2} | {name: column[0].item() for name, column in measured.items()}

    def measured(self, longer: Ints, alignments: Alignments) -> dict[str, NDArray[Any]]:
        """Return what the alignments of pairs say, given the lengths of their longer strings."""
        space, scores = self._database_size, alignments.score.tolist()
        evalues = [
            evalue(*score_and_length, space, self.alphabet)
            for score_and_length in zip(scores, longer.tolist(), strict=True)
        ]
        return {
            "similarity": alignments.matches / longer,
            "identity": alignments.identity,
            "evalue": np.array(evalues, dtype=np.float64),
            "bit_score": np.array([bit_score(score, self.alphabet) for score in scores], dtype=np.float64),
            "sw_score": alignments.score,
        }

    def dissimilar(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[str], Alignments]:
        """Align strings of different groups on both strands; say of each pair why it is not dissimilar, or nothing."""
        lengths = [np.array([len(pair[side]) for pair in pairs], dtype=np.int64) for side in (0, 1)]
        alignments = best_alignments(pairs, self.alphabet)
        measured = self.measured(np.maximum(*lengths), alignments)
        reasons = _first_reason(
            len(pairs),
            length=~self.config.lengths_agree(*lengths),
            similarity=measured["similarity"] >= self.config.max_dissimilarity,
            evalue=measured["evalue"] < self.config.min_dissimilar_evalue,
        )
        return reasons, alignments

    def pairs(
        self, candidates: Candidates, first: Ints, second: Ints, kinds: Sequence[str], alignments: Alignments
    ) -> pa.Table:
        """Combine sides 1 of `first` with sides 2 of `second`: rows in the schema `UNLABELED_SCHEMA`."""
        sides = [candidates.intervals(first, 1), candidates.intervals(second, 2)]
        longer = np.maximum(*(side.length for side in sides))
        columns = {"kind": kinds, **self.measured(longer, alignments)}
        for number, (side, which) in enumerate(zip(sides, (first, second), strict=True), start=1):
            columns |= {f"{name}{number}": values for name, values in vars(side).items()}
            columns[f"sentence{number}"] = self.texts(side)
            columns[f"organism{number}"] = list(map(self.organism, side.source))
            columns[f"group{number}"] = candidates.named("group", which)
        return pa.table(
            [pa.array(columns[field.name], field.type) for field in UNLABELED_SCHEMA], schema=UNLABELED_SCHEMA
        )

    def _kind_reason(self, kind: PairType, text1: str, text2: str) -> str:
        if kind == "identical":
            return "" if text1 == text2 else "not_identical"
        contained = contains(text1, text2, self.alphabet)
        if kind == "containment":
            if len(text1) == len(text2):
                return "identical"
            return "" if contained else "not_contained"
        if contained:
            return "identical" if len(text1) == len(text2) else "contained"
        return ""

    def _cut(self, places: Intervals) -> list[str]:
        """Cut intervals out of the forward strands of their sequences, as these are written."""
        whole = [(self._corpus.dna.get(source) or self._corpus.proteins[source]).residues for source in places.source]
        return [
            text[start:end] for text, start, end in zip(whole, places.start.tolist(), places.end.tolist(), strict=True)
        ]

    def _letters(self, texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the part of each string that is in lower case, and whether all its letters are of the alphabet."""
        letters = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8)
        ends = np.cumsum([0, *map(len, texts)])
        masked, unknown = (
            np.diff(np.searchsorted(np.flatnonzero(flags), ends))
            for flags in (letters >= ord("a"), ~self._known[letters])
        )
        return masked / np.maximum(np.diff(ends), 1), unknown == 0
