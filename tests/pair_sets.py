"""Synthetic pair sets for the audit: clean ones, and planters of every defect it knows."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import pyarrow as pa
from Bio.Data import CodonTable

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.audit.tables.dataset import DataSet, Part

Molecule = Literal["dna", "protein", "dna_protein"]
Row = list[str | int | None]
Splits = dict[str, list[Row]]

LETTERS = {"dna": "ACGT", "protein": "ARNDCQEGHILKMFPSTWYV"}
_TABLE = CodonTable.unambiguous_dna_by_id[1].forward_table
CODONS = {
    residue: sorted(codon for codon, encoded in _TABLE.items() if encoded == residue) for residue in LETTERS["protein"]
}
TRAIN, TEST = 2_000, 400


def random_text(rng: np.random.Generator, letters: str, length: int) -> str:
    return "".join(letters[i] for i in rng.integers(0, len(letters), length))


def mutated(rng: np.random.Generator, text: str, letters: str, rate: float) -> str:
    """Substitute letters."""
    hit = rng.random(len(text)) < rate
    return "".join(
        letters[int(rng.integers(0, len(letters)))] if substituted else old
        for old, substituted in zip(text, hit, strict=True)
    )


def permuted(rng: np.random.Generator, text: str) -> str:
    """The same blocks in another order: the same words, another sequence."""
    cuts = [round(len(text) * part) for part in (0, 0.22, 0.48, 0.74, 1)]
    blocks = [text[a:b] for a, b in pairwise(cuts)]
    return "".join(blocks[i] for i in ((2, 0, 3, 1), (1, 3, 0, 2))[int(rng.integers(0, 2))])


def jittered(rng: np.random.Generator, text: str, letters: str) -> str:
    """Another window of the same stretch: a third further on."""
    shift = len(text) // 3
    return text[shift:] + random_text(rng, letters, shift)


def coding(rng: np.random.Generator, protein: str, lead: int) -> str:
    """DNA that codes for a protein from base `lead` on."""
    codons = "".join(CODONS[residue][int(rng.integers(0, len(CODONS[residue])))] for residue in protein)
    return random_text(rng, "ACGT", lead) + codons + random_text(rng, "ACGT", int(rng.integers(0, 20)))


def quartet(rng: np.random.Generator, molecule: Molecule) -> list[Row]:
    """Two similar pairs and two dissimilar ones of four sequences, each once under either label."""
    if molecule == "dna_protein":
        protein1 = random_text(rng, LETTERS["protein"], int(rng.integers(40, 60)))
        protein2 = permuted(rng, protein1)
        dna1, dna2 = (coding(rng, protein, int(rng.integers(0, 40))) for protein in (protein1, protein2))
        return [[dna1, protein1, 1], [dna2, protein2, 1], [dna1, protein2, 0], [dna2, protein1, 0]]
    letters, low, high, rate = ("ACGT", 100, 160, 0.18) if molecule == "dna" else (LETTERS["protein"], 60, 100, 0.25)
    a = random_text(rng, letters, int(rng.integers(low, high)))
    c = permuted(rng, a)
    b, d = (mutated(rng, jittered(rng, text, letters), letters, rate) for text in (a, c))
    return [[a, b, 1], [c, d, 1], [a, d, 0], [c, b, 0]]


def clean(molecule: Molecule, seed: int = 0) -> Splits:
    """A set without a defect, made once: matched labels, disjoint splits, rows in random order."""
    return deepcopy(_clean(molecule, seed))


@cache
def _clean(molecule: Molecule, seed: int) -> Splits:
    rng = np.random.default_rng(seed)
    splits: Splits = {}
    for split, rows in (("train", TRAIN), ("test", TEST)):
        made = [row for _ in range(rows // 4) for row in quartet(rng, molecule)]
        splits[split] = [made[i] for i in rng.permutation(len(made))]
    return splits


def as_data(splits: Splits, name: str = "planted") -> DataSet:
    """Splits as the audit reads them."""

    def part(split: str) -> Part:
        columns = ("sentence1", "sentence2", "label")
        batch = pa.RecordBatch.from_pylist([dict(zip(columns, row, strict=True)) for row in splits[split]])
        return Part(split, lambda: iter([batch.slice(at, 700) for at in range(0, batch.num_rows, 700)]))

    return DataSet(name, tuple(part(split) for split in splits))


@dataclass(frozen=True)
class Planter:
    """Plants one kind of defect: the check that must find it, what it does, and in which sets."""

    check: str
    plant: Callable[[Splits, np.random.Generator], None]
    molecule: Molecule = "dna"


PLANTERS: list[Planter] = []
ONE_IN_A_HUNDRED = 0.01


def planter(check: str, *molecules: Molecule) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(plant: Callable[..., None]) -> Callable[..., None]:
        PLANTERS.extend(Planter(check, plant, molecule) for molecule in molecules or ("dna",))
        return plant

    return register


def drawn_rows(
    rows: list[Row], rng: np.random.Generator, label: int | None = None, part: float = ONE_IN_A_HUNDRED
) -> list[int]:
    """Places of one row in a hundred, of one label where it is named."""
    places = [i for i, row in enumerate(rows) if label in (None, row[2])]
    return rng.permutation(places)[: round(part * len(rows))].tolist()


def change(splits: Splits, rng: np.random.Generator, side: int, new: Callable[[str], str], label: int = 1) -> None:
    for i in drawn_rows(splits["train"], rng, label):
        row = splits["train"][i] = list(splits["train"][i])
        row[side] = new(str(row[side]))


def copy(splits: Splits, rng: np.random.Generator, new: Callable[[Row], Row]) -> None:
    train = splits["train"]
    for i in drawn_rows(train, rng):
        train.insert(int(rng.integers(0, len(train))), new(list(train[i])))


# Whole-set properties: at the smallest share that makes sense.


@planter("label_balance")
def unbalance(splits: Splits, rng: np.random.Generator) -> None:
    splits["train"] = [row for row in splits["train"] if row[2] == 0 or rng.random() < 0.4]


@planter("label_order")
def sort_by_label(splits: Splits, rng: np.random.Generator) -> None:
    splits["train"].sort(key=lambda row: int(row[2] or 0))


@planter("label_runs")
def alternate(splits: Splits, rng: np.random.Generator) -> None:
    ones, zeros = ([row for row in splits["train"] if row[2] == label] for label in (1, 0))
    splits["train"] = [row for pair in zip(ones, zeros, strict=True) for row in pair]


@planter("degree_bias")
def never_match(splits: Splits, rng: np.random.Generator) -> None:
    """Sequences stand twice, but under one label: negatives are drawn from sequences of their own."""
    train = splits["train"]
    zeros = [i for i, row in enumerate(train) if row[2] == 0]
    for at in range(0, len(zeros) - 1, 2):
        first = random_text(rng, "ACGT", 130)
        for i in zeros[at : at + 2]:
            train[i] = [first, random_text(rng, "ACGT", 130), 0]
    ones = [i for i, row in enumerate(train) if row[2] == 1]
    for at in range(0, len(ones) - 1, 2):
        train[ones[at + 1]] = [train[ones[at]][0], mutated(rng, str(train[ones[at]][1]), "ACGT", 0.1), 1]


@planter("sentence1_alone", "dna")
def motif_in_sentence1(splits: Splits, rng: np.random.Generator) -> None:
    motif(splits, rng, 0)


@planter("sentence2_alone")
def motif_in_sentence2(splits: Splits, rng: np.random.Generator) -> None:
    motif(splits, rng, 1)


def motif(splits: Splits, rng: np.random.Generator, side: int) -> None:
    for rows in splits.values():
        for i in drawn_rows(rows, rng, 1, 0.3):
            row = rows[i] = list(rows[i])
            row[side] = str(row[side])[:30] + "ACCACCACCACC" + str(row[side])[42:]


@planter("kmers", "dna", "protein")
def unrelated_negatives(splits: Splits, rng: np.random.Generator) -> None:
    for rows in splits.values():
        seconds = [row[1] for row in rows if row[2] == 0]
        order = rng.permutation(len(seconds))
        for i, row in enumerate(row for row in rows if row[2] == 0):
            row[1] = seconds[order[i]]


@planter("edit")
def aligned_ends(splits: Splits, rng: np.random.Generator) -> None:
    for row in (row for rows in splits.values() for row in rows if row[2] == 1):
        row[1] = mutated(rng, str(row[0]), "ACGT", 0.15)


@planter("alignment", "dna")
@planter("translation", "dna_protein")
def shuffled_labels(splits: Splits, rng: np.random.Generator) -> None:
    for rows in splits.values():
        labels = rng.permutation([row[2] for row in rows])
        for row, label in zip(rows, labels.tolist(), strict=True):
            row[2] = label


@planter("frame0", "dna_protein")
@planter("coding_start", "dna_protein")
def from_the_first_base(splits: Splits, rng: np.random.Generator) -> None:
    for rows in splits.values():
        for row in rows:
            protein = str(row[1]) if row[2] == 1 else permuted(rng, str(row[1]))
            row[0] = coding(rng, protein, 0)


@planter("random_split")
def one_split(splits: Splits, rng: np.random.Generator) -> None:
    splits["train"] += splits.pop("test")


@planter("random_homologs", "dna")
def one_split_of_homologs(splits: Splits, rng: np.random.Generator) -> None:
    letters = LETTERS["protein"] if set(str(splits["train"][0][0])) - set("ACGT") else "ACGT"
    splits["train"] += [
        [*(mutated(rng, str(text), letters, 0.05) for text in row[:2]), row[2]] for row in splits["train"]
    ]
    one_split(splits, rng)


# One row in a hundred.


@planter("missing_values", "dna")
def lose(splits: Splits, rng: np.random.Generator) -> None:
    for number, i in enumerate(drawn_rows(splits["train"], rng)):
        row = splits["train"][i] = list(splits["train"][i])
        row[number % 3] = None if number % 3 else ""


@planter("duplicate_pairs", "dna")
def duplicate(splits: Splits, rng: np.random.Generator) -> None:
    copy(splits, rng, lambda row: row)


@planter("swapped_pairs", "dna")
def swap(splits: Splits, rng: np.random.Generator) -> None:
    copy(splits, rng, lambda row: [row[1], row[0], row[2]])


@planter("reverse_complement_pairs")
def other_strand(splits: Splits, rng: np.random.Generator) -> None:
    copy(splits, rng, lambda row: [row[0], reverse_complement(str(row[1])), row[2]])


@planter("conflicting_labels", "dna", "dna_protein")
def contradict(splits: Splits, rng: np.random.Generator) -> None:
    copy(splits, rng, lambda row: [row[0], row[1], 1 - int(row[2] or 0)])


@planter("one_label_sequences", "dna", "protein")
def hub(splits: Splits, rng: np.random.Generator) -> None:
    length = len(str(splits["train"][0][1]))
    letters = LETTERS["protein"] if set(str(splits["train"][0][1])) - set("ACGT") else "ACGT"
    partner = random_text(rng, letters, length)
    for i in drawn_rows(splits["train"], rng, 0):
        splits["train"][i] = [splits["train"][i][0], partner, 0]


@planter("lower_case", "dna")
def lower(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 0, lambda text: text[:50] + text[50:].lower())


@planter("gaps", "dna", "protein")
def gap(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 1, lambda text: text[:20] + "--" + text[22:])


@planter("white_space", "dna")
def space(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 0, lambda text: text + "\n")


@planter("other_letters", "dna")
def ambiguous(splits: Splits, rng: np.random.Generator) -> None:
    letter = "X" if set(str(splits["train"][0][0])) - set("ACGT") else "N"
    change(splits, rng, 1, lambda text: text[:20] + letter + text[21:], label=0)


@planter("foreign_letters", "dna")
def uracil(splits: Splits, rng: np.random.Generator) -> None:
    """One side in ten as RNA."""
    for rows in splits.values():
        for row in rows[::10]:
            row[0] = str(row[0]).replace("T", "U")


@planter("length1", "dna")
def longer1(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 0, lambda text: text + text[::-1])


@planter("length2", "dna")
def shorter2(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 1, lambda text: text[:60])


@planter("length_difference", "dna", "protein")
def uneven(splits: Splits, rng: np.random.Generator) -> None:
    for number, i in enumerate(drawn_rows(splits["train"], rng, 0)):
        row = splits["train"][i] = list(splits["train"][i])
        row[number % 2] = str(row[number % 2])[:-25]


@planter("composition1", "dna")
def rich1(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 0, lambda text: random_text(rng, "ACGGCGCGCG", len(text)))


@planter("composition2", "protein")
def rich2(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 1, lambda text: random_text(rng, LETTERS["protein"] + "GARP" * 12, len(text)))


@planter("composition_difference", "dna")
def uneven_gc(splits: Splits, rng: np.random.Generator) -> None:
    for number, i in enumerate(drawn_rows(splits["train"], rng, 0)):
        row = splits["train"][i] = list(splits["train"][i])
        row[number % 2] = random_text(rng, "ACGT" + ("CG" if number % 4 < 2 else "AT") * 8, 130)


@planter("complexity1", "dna")
def repetitive1(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 0, lambda text: (text[:4] * len(text))[: len(text)])


@planter("complexity2", "dna")
def repetitive2(splits: Splits, rng: np.random.Generator) -> None:
    change(splits, rng, 1, lambda text: (text[:4] * len(text))[: len(text)])


@planter("identical_sides", "dna")
def identical(splits: Splits, rng: np.random.Generator) -> None:
    for i in drawn_rows(splits["train"], rng, 1):
        row = splits["train"][i]
        splits["train"][i] = [row[0], row[0], 1]


@planter("containment", "dna")
def contained(splits: Splits, rng: np.random.Generator) -> None:
    for i in drawn_rows(splits["train"], rng, 1):
        row = splits["train"][i]
        splits["train"][i] = [row[0], str(row[0])[5:-5], 1]


@planter("leaked_pairs", "dna")
def leak_pairs(splits: Splits, rng: np.random.Generator) -> None:
    for i in drawn_rows(splits["test"], rng):
        splits["test"][i] = splits["train"][i]


@planter("leaked_sequences", "dna", "dna_protein")
def leak_sequences(splits: Splits, rng: np.random.Generator) -> None:
    for i in drawn_rows(splits["test"], rng):
        splits["test"][i] = [splits["test"][i][0], splits["train"][i][1], splits["test"][i][2]]


@planter("leaked_reverse_complements", "dna")
def leak_strands(splits: Splits, rng: np.random.Generator) -> None:
    for i in drawn_rows(splits["test"], rng):
        splits["test"][i] = [reverse_complement(str(splits["train"][i][0])), *splits["test"][i][1:]]


@planter("leaked_homologs", "dna", "protein")
def leak_homologs(splits: Splits, rng: np.random.Generator) -> None:
    letters = LETTERS["protein"] if set(str(splits["train"][0][0])) - set("ACGT") else "ACGT"
    for i in drawn_rows(splits["test"], rng):
        splits["test"][i] = [mutated(rng, str(splits["train"][i][0]), letters, 0.1), *splits["test"][i][1:]]


def shorten(splits: Splits) -> None:
    """Peptides instead of proteins."""
    for row in (row for rows in splits.values() for row in rows):
        row[:2] = [str(text)[:14] for text in row[:2]]


@planter("leaked_near_copies", "protein")
def leak_near_copies(splits: Splits, rng: np.random.Generator) -> None:
    shorten(splits)
    for i in drawn_rows(splits["test"], rng):
        text = str(splits["train"][i][0])
        splits["test"][i] = [text[:6] + text[7:], *splits["test"][i][1:]]


@planter("random_near_copies", "protein")
def one_split_of_near_copies(splits: Splits, rng: np.random.Generator) -> None:
    """Peptides that stand in one row each, and a copy of each row with one residue changed."""
    letters = LETTERS["protein"]
    rows: list[Row] = [[random_text(rng, letters, 14), random_text(rng, letters, 14), i % 2] for i in range(1_000)]
    rows += [[*(str(text)[:6] + "W" + str(text)[7:] for text in row[:2]), row[2]] for row in rows]
    splits["train"], _ = rows, splits.pop("test")


@planter("position1", "dna")
def primer1(splits: Splits, rng: np.random.Generator) -> None:
    primer(splits, rng, 0)


@planter("position2", "protein")
def primer2(splits: Splits, rng: np.random.Generator) -> None:
    primer(splits, rng, 1)


def primer(splits: Splits, rng: np.random.Generator, side: int) -> None:
    """One letter in the third place from the end, in six of ten rows of one label."""
    for rows in splits.values():
        for i in drawn_rows(rows, rng, 1, 0.3):
            text = str(rows[i][side])
            rows[i] = [*rows[i][:side], text[:-3] + "C" + text[-2:], *rows[i][side + 1 :]]
