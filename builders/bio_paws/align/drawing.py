"""Alignments drawn as BLAST draws them: the two sequences above each other, and between them what they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from Bio.Align import PairwiseAligner, substitution_matrices

from bio_paws.align.smith_waterman import GAP_EXTEND, GAP_OPEN, LETTERS, Alphabet, align, reverse_complement
from bio_paws.align.translation import translations

WIDTH = 60
"""Columns of an alignment in a line."""
_SCORE, _MATCH, _COLUMN = 1 << 30, 1 << 15, 1
"""What a score, a match and a column weigh: ties of the score are broken by matches, then by columns, as
`smith_waterman` does. Up to 2^15 columns none of them carries over, and doubles hold their sum exactly."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ*"


@dataclass(frozen=True)
class DrawnAlignment:
    """The best local alignment of two sequences, column by column.

    Attributes
    ----------
    score : int
        As in `smith_waterman.Alignment`.
    rows : tuple of str
        The two sequences, with ``-`` for gaps, of equal length; both empty where nothing aligns.
    marks : str
        What stands between them: ``|`` for equal bases; for proteins the residue that both have, ``+`` for a positive
        score.
    starts : tuple of int
        Where the alignment starts in each sequence as it was given, 1-based; on the other strand, its highest position.
    steps : tuple of int
        How far each column moves in each sequence: 1, or -1 on the other strand, or 3 or -3 where DNA was translated.
    reading : str
        Strand or frame of the second sequence, as BLAST states it; empty for two proteins.
    """

    score: int
    rows: tuple[str, str]
    marks: str
    starts: tuple[int, int]
    steps: tuple[int, int]
    reading: str

    @property
    def matches(self) -> int:
        """Columns with the same base or amino acid twice; others, such as a stop, match nothing."""
        return sum(mark not in "+ " for mark in self.marks)

    @property
    def gaps(self) -> int:
        """Columns with a gap."""
        return self.rows[0].count("-") + self.rows[1].count("-")

    def text(self) -> str:
        """Lay it out in lines of `WIDTH` columns."""
        if not self.marks:
            return "No two residues align with a positive score."
        columns = len(self.marks)
        heading = (
            f"Score {self.score:,}, identities {_share(self.matches, columns)}, gaps {_share(self.gaps, columns)}"
            + (f", {self.reading}" if self.reading else "")
        )
        at = list(self.starts)
        width = len(str(max(start + step * columns for start, step in zip(self.starts, self.steps, strict=True))))
        width = max(width, *(len(str(start)) for start in self.starts))
        blocks = [heading]
        for first in range(0, columns, WIDTH):
            lines = []
            for name, row, side in (("Query", self.rows[0], 0), ("Sbjct", self.rows[1], 1)):
                part = row[first : first + WIDTH]
                start = at[side]
                at[side] += self.steps[side] * (len(part) - part.count("-"))
                last = at[side] - (1 if self.steps[side] > 0 else -1)
                lines.append(f"{name}  {start:<{width}}  {part}  {last}")
            lines.insert(1, " " * (9 + width) + self.marks[first : first + WIDTH])
            blocks.append("\n".join(line.rstrip() for line in lines))
        return "\n\n".join(blocks)


def draw_dna(a: str, b: str) -> DrawnAlignment:
    """Draw the alignment of two DNA sequences that `smith_waterman.best_alignment` scores, on either strand of `b`."""
    turned = reverse_complement(b)
    forward, reverse = align(a, b, "dna"), align(a, turned, "dna")
    # Most matches first, as `best_alignment` ranks them.
    if (reverse.matches, reverse.score, -reverse.columns) > (forward.matches, forward.score, -forward.columns):
        score, rows, (start1, start2) = _traced(a, turned, "dna")
        starts, steps, reading = (start1, len(b) + 1 - start2), (1, -1), "strand Plus/Minus"
    else:
        score, rows, starts = _traced(a, b, "dna")
        steps, reading = (1, 1), "strand Plus/Plus"
    marks = "".join("|" if x == y and x in LETTERS["dna"] else " " for x, y in zip(*rows, strict=True))
    return DrawnAlignment(score, rows, marks, starts, steps, reading)


def draw_proteins(a: str, b: str) -> DrawnAlignment:
    """Draw the alignment of two proteins that `smith_waterman.align` scores."""
    score, rows, starts = _traced(a, b, "protein")
    return DrawnAlignment(score, rows, _protein_marks(rows), starts, (1, 1), "")


def draw_translated(protein: str, dna: str, code: int = 1) -> DrawnAlignment:
    """Draw the alignment of a protein with the best of six frames of DNA that `best_frame_alignment` scores.

    The DNA holds at least one codon.
    """
    frames = {
        (strand, shift): frame
        for strand, text in ((1, dna), (-1, reverse_complement(dna)))
        for shift, frame in enumerate(translations(text, code))
        if frame
    }
    scores = {at: align(protein, frame, "protein") for at, frame in frames.items()}
    strand, shift = max(scores, key=lambda at: (scores[at].score, scores[at].matches, -scores[at].columns))
    score, rows, (start, frame_start) = _traced(protein, frames[strand, shift], "protein")
    offset = shift + 3 * (frame_start - 1)
    starts = (start, offset + 1 if strand == 1 else len(dna) - offset)
    reading = f"frame {'+' if strand == 1 else '-'}{shift + 1}"
    return DrawnAlignment(score, rows, _protein_marks(rows), starts, (1, 3 * strand), reading)


def _protein_marks(rows: tuple[str, str]) -> str:
    return "".join(map(_protein_mark, *rows))


def _protein_mark(x: str, y: str) -> str:
    if x not in LETTERS["protein"] or y not in LETTERS["protein"]:
        return " "
    return x if x == y else "+" if _blosum62()[x][y] > 0 else " "


def _traced(a: str, b: str, alphabet: Alphabet) -> tuple[int, tuple[str, str], tuple[int, int]]:
    """Return score, rows and 1-based starts of the best local alignment, ties broken as `smith_waterman` does."""
    alignments = _aligner(alphabet).align(a, b)
    if not alignments.score > 0:
        return 0, ("", ""), (1, 1)
    best = alignments[0]
    rows = str(best[0]), str(best[1])
    starts = int(best.coordinates[0][0]) + 1, int(best.coordinates[1][0]) + 1
    return (int(alignments.score) + len(rows[0])) // _SCORE, rows, starts


@lru_cache(maxsize=2)
def _aligner(alphabet: Alphabet) -> PairwiseAligner:
    aligner = PairwiseAligner(mode="local")
    matrix = substitution_matrices.Array(_LETTERS, dims=2)
    known = LETTERS[alphabet]
    for x in _LETTERS:
        for y in _LETTERS:
            score: float = -3 if alphabet == "dna" else -4
            if x in known and y in known:
                score = (2 if x == y else -3) if alphabet == "dna" else _blosum62()[x][y]
            matrix[x, y] = score * _SCORE + _MATCH * (x == y and x in known) - _COLUMN
    aligner.substitution_matrix = matrix
    extend = GAP_EXTEND[alphabet] * _SCORE + _COLUMN
    aligner.open_gap_score = -(GAP_OPEN[alphabet] * _SCORE + extend)
    aligner.extend_gap_score = -extend
    return aligner


@lru_cache(maxsize=1)
def _blosum62() -> substitution_matrices.Array:
    matrix: substitution_matrices.Array = substitution_matrices.load("BLOSUM62")
    return matrix


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / whole:.0%})"
