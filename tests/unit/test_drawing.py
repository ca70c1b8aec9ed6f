"""Drawn alignments: the very ones that the scores of a row are of."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align.drawing import WIDTH, DrawnAlignment, draw_dna, draw_proteins, draw_translated
from bio_paws.align.smith_waterman import align, best_alignment, reverse_complement
from bio_paws.align.translation import best_frame_alignment

DNA = st.text("ACGT", min_size=1, max_size=90)
PROTEIN = st.text("ARNDCQEGHILKMFPSTWYVX", min_size=1, max_size=90)


def check(drawn: DrawnAlignment, query: str, subject: str) -> None:
    """Each line's positions point at its residues, and the lines hold the whole alignment."""
    lines = re.findall(r"^(Query|Sbjct) +(\d+) +(\S+) +(\d+)$", drawn.text(), re.MULTILINE)
    assert [len(line[2]) <= WIDTH for line in lines].count(False) == 0
    for side, name, text in ((0, "Query", query), (1, "Sbjct", subject)):
        parts = [line for line in lines if line[0] == name]
        assert "".join(line[2] for line in parts) == drawn.rows[side]
        for _, first, residues, last in parts:
            low, high = sorted((int(first), int(last)))
            if not residues.strip("-"):
                continue
            part = text[low - 1 : high]
            expected = reverse_complement(part) if drawn.steps[side] == -1 else part
            if abs(drawn.steps[side]) == 1:
                assert expected == residues.replace("-", "")
            else:
                assert len(part) == 3 * len(residues.replace("-", ""))


@given(DNA, DNA, st.booleans())
@settings(deadline=None)
def test_dna_is_drawn_on_its_better_strand(a: str, b: str, turned: bool) -> None:
    b = reverse_complement(a[3:] + b) if turned else a[:40] + b
    drawn = draw_dna(a, b)
    assert (drawn.score, drawn.matches, len(drawn.marks)) == tuple(best_alignment(a, b, "dna"))
    assert drawn.marks.count("|") == drawn.matches
    check(drawn, a, b)


@given(PROTEIN, PROTEIN)
@settings(deadline=None)
def test_proteins_are_drawn_as_they_are_scored(a: str, b: str) -> None:
    drawn = draw_proteins(a, a[:30] + b)
    assert (drawn.score, drawn.matches, len(drawn.marks)) == tuple(align(a, a[:30] + b, "protein"))
    check(drawn, a, a[:30] + b)


@given(st.text("ACGT", min_size=5, max_size=90), PROTEIN)
@settings(deadline=None)
def test_the_best_of_six_frames_is_drawn(dna: str, protein: str) -> None:
    drawn = draw_translated(protein, dna)
    assert (drawn.score, drawn.matches, len(drawn.marks)) == tuple(best_frame_alignment(dna, protein))
    check(drawn, protein, dna)


def test_what_shares_nothing_is_said_to_align_nowhere() -> None:
    assert draw_dna("AAAA", "CCCC").text() == "No two residues align with a positive score."
    assert draw_dna("AAAA", "CCCC").marks == ""
