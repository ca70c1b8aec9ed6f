"""Which pairs are let in: each drawn pair is accepted, or rejected for one stated reason, and reasons are counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bio_paws.candidates import CANDIDATES, Candidates
from bio_paws.configs import BANDS, Kind, PairConfig
from bio_paws.records import SCHEMA, Interval, Row
from bio_paws.sequences import Corpus, representative_proteins
from bio_paws.splits import Lookup
from bio_paws.tools.pair_features import composition
from bio_paws.tools.smith_waterman import (
    LETTERS,
    Alignment,
    Alphabet,
    best_alignment,
    best_alignments,
    reverse_complement,
)
from bio_paws.tools.statistics import bit_score, evalue

if TYPE_CHECKING:
    from bio_paws.windows import Window


_WINDOWS_AT_ONCE = 10_000


def contains(a: str, b: str, alphabet: Alphabet) -> bool:
    """Whether one string contains the other, DNA on either strand; identical strings contain each other."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    return short in long or (alphabet == "dna" and reverse_complement(short) in long)


def search_space(corpus: Corpus, alphabet: Alphabet) -> int:
    """Residues of the database that E-values refer to."""
    whole = corpus.dna.values() if alphabet == "dna" else representative_proteins(corpus)
    return sum(len(one.residues) for one in whole)


def with_outcomes(table: pa.Table, outcomes: Counter[str]) -> pa.Table:
    """Return the table with counts of outcomes in its metadata."""
    return table.replace_schema_metadata({"outcomes": json.dumps(outcomes, sort_keys=True)})


def outcomes_of(table: pa.Table) -> Counter[str]:
    """Return the counts of outcomes that came with a table of candidates."""
    return Counter(json.loads((table.schema.metadata or {}).get(b"outcomes", b"{}")))


def band(similarity: float) -> Kind:
    """Return the kind of a similarity: that of `BANDS` it lies in."""
    return next(kind for kind, low, _ in BANDS if similarity >= low)


class Judge:
    """Judges drawn pairs of one config against its constraints."""

    def __init__(self, config: PairConfig, corpus: Corpus, lookup: Lookup) -> None:
        self.config = config
        self.alphabet: Alphabet = "protein" if config.molecule == "protein" else "dna"
        self._corpus = corpus
        self._organism = corpus.organism
        self._lookup = lookup
        self._search_space = search_space(corpus, self.alphabet)
        self._letters = frozenset(LETTERS[self.alphabet])

    def candidates(self, windows: Iterable[Window]) -> pa.Table:
        """Judge windows; return those let in (schema `CANDIDATES`), the count of each outcome in its metadata."""
        outcomes: Counter[str] = Counter()
        remaining = iter(windows)
        tables = [CANDIDATES.empty_table()]
        # Long alignments give a shard any number of windows.
        while some := list(islice(remaining, _WINDOWS_AT_ONCE)):
            tables.append(pa.Table.from_pylist(self._let_in(some, outcomes), schema=CANDIDATES))
        return with_outcomes(pa.concat_tables(tables).combine_chunks(), outcomes)

    def _let_in(self, windows: list[Window], outcomes: Counter[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        drawn: list[tuple[Window, dict[str, Any]]] = []
        for window in windows:
            placed = self.place(window.side1, window.side2)
            if isinstance(placed, str):
                outcomes[placed] += 1
            elif reason := self._kind_reason(window.kind, placed["sentence1"], placed["sentence2"]):
                outcomes[reason] += 1
            else:
                drawn.append((window, placed))
        texts = [(placed["sentence1"], placed["sentence2"]) for _, placed in drawn]
        for (window, placed), alignment in zip(drawn, best_alignments(texts, self.alphabet), strict=True):
            verdict = self._judge(window, placed, alignment)
            if isinstance(verdict, str):
                outcomes[verdict] += 1
            else:
                outcomes["accepted"] += 1
                rows.append(verdict)
        return rows

    def row(self, candidates: Candidates, i: int) -> Row:
        """Return a candidate as a row, its strings cut out of their sequences."""
        one, other, group = candidates.side(i, 1), candidates.side(i, 2), candidates.group(i)
        described = self._described(self.text(one), self.text(other), candidates.alignment(i))
        origin = self._origin(one, 1, group) | self._origin(other, 2, group)
        return {**origin, **described, "kind": candidates.kind(i)}

    def _judge(self, window: Window, placed: dict[str, Any], alignment: Alignment) -> dict[str, Any] | str:
        """Return the candidate of a window, or the reason why it is not let in."""
        config = self.config
        row = self._described(placed["sentence1"], placed["sentence2"], alignment)
        kind = band(row["similarity"]) if config.graded else window.kind
        if not config.accepts(kind, row["similarity"]):
            return "similarity"
        if row["evalue"] >= config.max_evalue:
            return "evalue"
        return {
            **{f"{name}1": value for name, value in window.side1._asdict().items()},
            **{f"{name}2": value for name, value in window.side2._asdict().items()},
            **alignment._asdict(),
            "kind": kind,
            "split": placed["split"],
            "group": placed["group1"],
            "slot": window.slot,
            "composition2": composition(placed["sentence2"], self.alphabet),
        }

    def place(self, side1: Interval, side2: Interval) -> dict[str, Any] | str:
        """Return the strings, origin and split of two intervals, or the reason why they cannot make a pair."""
        config = self.config
        locus1, locus2 = self._lookup.find(*side1[:3]), self._lookup.find(*side2[:3])
        if locus1 is None or locus1 != locus2:
            return "crosses_groups"
        if side1.source == side2.source and side1.start < side2.end and side2.start < side1.end:
            return "overlaps_itself"
        length1, length2 = side1.end - side1.start, side2.end - side2.start
        # Both sides keep to the range: which of them comes first is drawn later.
        if min(length1, length2) < config.min_length or max(length1, length2) > config.max_length:
            return "length"
        if not config.lengths_agree(length1, length2):
            return "length"
        if self.alphabet == "dna" and max(self._masked_part(side1), self._masked_part(side2)) > config.max_masked:
            return "repeat_masked"
        text1, text2 = self.text(side1), self.text(side2)
        if not self._letters.issuperset(text1) or not self._letters.issuperset(text2):
            return "ambiguous"
        group, split = locus1
        origin = {**self._origin(side1, 1, group), **self._origin(side2, 2, group)}
        return {**origin, "split": split, "sentence1": text1, "sentence2": text2}

    def organism(self, source: str) -> str:
        """Return the organism of a sequence."""
        return self._organism[source]

    def text(self, where: Interval) -> str:
        """Return the upper-case string of an interval, on its strand."""
        whole = self._corpus.dna.get(where.source) or self._corpus.proteins[where.source]
        text = whole.residues[where.start : where.end].upper()
        return text if where.strand == "+" else reverse_complement(text)

    def describe(self, text1: str, text2: str) -> dict[str, Any]:
        """Return the strings of a pair and what their alignment says."""
        return self._described(text1, text2, best_alignment(text1, text2, self.alphabet))

    def _described(self, text1: str, text2: str, alignment: Alignment) -> dict[str, Any]:
        return {
            "sentence1": text1,
            "sentence2": text2,
            "similarity": alignment.matches / max(len(text1), len(text2)),
            "identity": alignment.identity,
            "evalue": evalue(alignment.score, max(len(text1), len(text2)), self._search_space, self.alphabet),
            "bit_score": bit_score(alignment.score, self.alphabet),
            "sw_score": alignment.score,
        }

    def dissimilar(self, pairs: Sequence[tuple[Row, Row]]) -> list[tuple[Row, Alignment] | str]:
        """Pair the first member of one similar pair with the second of another, for many, or say why not."""
        reasons = [self._mismatch(row1, row2) for row1, row2 in pairs]
        fitting = [pair for pair, reason in zip(pairs, reasons, strict=True) if not reason]
        texts = [(row1["sentence1"], row2["sentence2"]) for row1, row2 in fitting]
        alignments = iter(best_alignments(texts, self.alphabet))
        found: list[tuple[Row, Alignment] | str] = []
        for pair, reason in zip(pairs, reasons, strict=True):
            if reason:
                found.append(reason)
                continue
            alignment = next(alignments)
            made = self.exchanged(*pair, alignment)
            found.append(made if isinstance(made, str) else (made, alignment))
        return found

    def exchanged(self, row1: Row, row2: Row, alignment: Alignment) -> Row | str:
        """Return the row of the first member of one pair and the second of another, or say why it is not dissimilar."""
        described = self._described(row1["sentence1"], row2["sentence2"], alignment)
        if described["similarity"] >= self.config.max_dissimilarity:
            return "similarity"
        if described["evalue"] < self.config.min_dissimilar_evalue:
            return "evalue"
        first = {name: row1[name] for name in SCHEMA.names if name.endswith("1")}
        second = {name: row2[name] for name in SCHEMA.names if name.endswith("2")}
        return {**first, **second, **described, "kind": "other_group"}

    def _mismatch(self, row1: Row, row2: Row) -> str:
        if row1["group1"] == row2["group2"]:
            return "same_group"
        return "" if self.config.lengths_agree(len(row1["sentence1"]), len(row2["sentence2"])) else "length"

    def _kind_reason(self, kind: Kind, text1: str, text2: str) -> str:
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

    def _masked_part(self, where: Interval) -> float:
        letters = self._corpus.dna[where.source].residues[where.start : where.end].encode()
        masked = np.count_nonzero(np.frombuffer(letters, dtype=np.uint8) >= ord("a"))
        return float(masked) / (where.end - where.start)

    def _origin(self, where: Interval, side: int, group: str) -> dict[str, Any]:
        values = {**where._asdict(), "organism": self._organism[where.source], "group": group}
        return {f"{name}{side}": value for name, value in values.items()}
