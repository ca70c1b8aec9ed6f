"""What the searches for homologs between splits find of planted ones, by identity: `python -m benchmarks.recall`.

Stretches of the bundled corpus stand in the training split. Copies of them, in which that part of the letters is
replaced by others at random, every second one of DNA on the other strand, stand in the test split. Of both, overlapping
windows are taken, as a build draws them, and searched as `verify` does (the proof, E < 1e-5) and as a build does before
(E < 1e-3), with the E-values of the bundled corpus. A short copy that is little alike has no significant alignment
at all, whatever searches: so beside all planted windows stand those whose own Smith-Waterman alignment with the window
that they were copied from has E < 1e-5.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bio_paws.align.karlin_altschul import evalue
from bio_paws.align.smith_waterman import LETTERS, Alphabet, align_score, reverse_complement
from bio_paws.build.pair_filter import database_size
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.search import blast
from bio_paws.search.homologs import DROPPED_EVALUE, SIGNIFICANT_EVALUE, find_hits
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve
from bio_paws.verify.cross_split_search import Placed, PlacedSequences, VerificationSearch

STRETCHES = 100  # of each length in each band
WINDOWS = 3  # of each stretch, each a third of its length behind the last
LENGTHS = (50, 150)
BANDS = (1.0, 0.9, 0.8, 0.7, 0.6)


@dataclass(frozen=True)
class Planted:
    """A window of the test split, and the one of the training split that it was copied from."""

    band: float
    copy: Placed
    origin: Placed


def plant(corpus: Corpus, alphabet: Alphabet, length: int, rng: np.random.Generator) -> list[Planted]:
    """Plant homologs of all bands."""
    whole = [
        sequence.residues[:].upper() for sequence in (corpus.dna if alphabet == "dna" else corpus.proteins).values()
    ]
    ends = np.cumsum([len(text) for text in whole])
    step = length // 3
    size = length + (WINDOWS - 1) * step
    planted: list[Planted] = []
    while len(planted) < STRETCHES * WINDOWS * len(BANDS):
        number = len(planted) // WINDOWS
        band = BANDS[number % len(BANDS)]
        source = whole[int(np.searchsorted(ends, rng.integers(0, ends[-1]), "right"))]
        at = int(rng.integers(0, max(len(source) - size, 0) + 1))
        origin = source[at : at + size]
        if len(origin) < size or not set(origin) <= set(LETTERS[alphabet]):
            continue
        letters = list(origin)
        for place in rng.permutation(size)[: round((1 - band) * size)].tolist():
            letters[place] = str(rng.choice([letter for letter in LETTERS[alphabet] if letter != letters[place]]))
        copy = "".join(letters)
        strand = "-" if alphabet == "dna" and number // len(BANDS) % 2 else "+"
        for start in range(0, size - length + 1, step):
            window = copy[start : start + length]
            text = reverse_complement(window) if strand == "-" else window
            planted.append(
                Planted(
                    band,
                    Placed(text, f"test{number}", start, strand),
                    Placed(origin[start : start + length], f"train{number}", start, "+"),
                )
            )
    return planted


def significant(planted: Planted, alphabet: Alphabet, residues: int) -> bool:
    """Whether a planted window's own alignment is significant."""
    forward = reverse_complement(planted.copy.text) if planted.copy.strand == "-" else planted.copy.text
    score = align_score(forward, planted.origin.text, alphabet)
    return evalue(score, len(forward), residues, alphabet) < SIGNIFICANT_EVALUE


def main() -> None:
    """Print the table, in Markdown."""
    corpus = read_corpus(resolve(("bundled",)))
    columns = ("of all", "proof", "build", "of E < 1e-5", "proof", "build")
    print(f"| windows | identity | {' | '.join(columns)} |\n{'|---' * (len(columns) + 2)}|")
    alphabets: tuple[Alphabet, ...] = ("dna", "protein")
    for alphabet in alphabets:
        residues = database_size(corpus, alphabet)
        for length in LENGTHS:
            planted = plant(corpus, alphabet, length, np.random.default_rng(length))
            copies = list({case.copy.text: case.copy for case in planted}.values())
            origins = list({case.origin.text: case.origin for case in planted}.values())
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                both = PlacedSequences.of(copies), PlacedSequences.of(origins)
                proof = VerificationSearch(folder / "proof", *both, alphabet, residues, InProcessExecutor())
                by_proof = {copies[index].text for index in proof.homologs()}
                blast.write_database(folder / "all", (origin.text for origin in origins), alphabet)
                by_build = find_hits([copy.text for copy in copies], folder / "all", alphabet, residues, DROPPED_EVALUE)
            for band in BANDS:
                here = [case for case in planted if case.band == band]
                own = [case for case in here if significant(case, alphabet, residues)]
                cells = []
                for group in (here, own):
                    shares = (sum(case.copy.text in hits for case in group) for hits in (by_proof, by_build))
                    cells += [f"{len(group):,}", *(f"{share / len(group):.3f}" if group else "-" for share in shares)]
                unit = "bp" if alphabet == "dna" else "aa"
                print(f"| {alphabet}, {length} {unit} | {band} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
