"""The checks of a row: from its own values, then by aligning its two sequences again.

To add a check, write a function that takes a `RowContext` and yields faults, register its code in `violations`, and
append it to `VALUE_CHECKS`, or to one of the two that align.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bio_paws.align.karlin_altschul import bit_score, evalue
from bio_paws.align.smith_waterman import LETTERS, Alphabet, best_alignment, reverse_complement
from bio_paws.align.translation import best_frame_alignment, spliced_identity
from bio_paws.configs import EXACT, PairConfig
from bio_paws.schema import Row, pair_id
from bio_paws.verify.parquet import Part, read_part
from bio_paws.verify.row_keys import keys_of, molecules
from bio_paws.verify.violations import Fault, Violation
from bio_paws_cards.manifest import DatabaseSize

_ROWS_PER_BATCH = 500  # as dictionaries, of a part


@dataclass(frozen=True)
class RowContext:
    """A row, and what its checks refer to.

    Attributes
    ----------
    row : dict
        By the columns of `SCHEMA`.
    config : PairConfig
    split : str
    organisms : frozenset of str
        Those of the sources.
    database_size : DatabaseSize
        Which E-values refer to.
    genetic_codes : dict of str to int
        Of the genome sequences that are not read by the standard one.
    """

    row: Row
    config: PairConfig
    split: str
    organisms: frozenset[str]
    database_size: DatabaseSize
    genetic_codes: dict[str, int]


def check_rows(
    config: PairConfig,
    split: str,
    path: Path,
    part: Part,
    organisms: frozenset[str],
    database_size: DatabaseSize,
    genetic_codes: dict[str, int],
) -> tuple[list[Violation], pa.Table]:
    """Check the rows of a part of a file, alignments included.

    Returns
    -------
    violations : list of Violation
    keys : pyarrow.Table
        What the checks across rows need of these rows: see `row_keys`.
    """
    table = read_part(path, part)
    violations = []
    for batch in table.to_batches(max_chunksize=_ROWS_PER_BATCH):
        for row in batch.to_pylist():
            context = RowContext(row, config, split, organisms, database_size, genetic_codes)
            violations += check_values(context)
            violations += [_violation(context, fault) for fault in _alignment_faults(context)]
    return violations, keys_of(table, config, split)


def check_values(context: RowContext) -> list[Violation]:
    """Check a row by its own values, without aligning its sequences."""
    return [_violation(context, fault) for check in VALUE_CHECKS for fault in check(context)]


def _violation(context: RowContext, fault: Fault) -> Violation:
    return Violation(fault.code, context.config.name, context.split, str(context.row["pair_id"]), fault.message)


def _check_id(context: RowContext) -> Iterator[Fault]:
    row = context.row
    if row["pair_id"] != pair_id(row, context.config.name, context.split):
        yield Fault(
            "ROW002", "pair_id is not the digest of the row in this split: a value was changed, or the row moved"
        )


def _check_type(context: RowContext) -> Iterator[Fault]:
    row, config = context.row, context.config
    if row["label"] not in (0, 1) or row["kind"] not in (
        config.similar_types if row["label"] else config.dissimilar_types
    ):
        yield Fault("ROW003", f"label {row['label']} does not go with kind {row['kind']!r}")
    # Only these two types exchange members between pairs of different groups; all others stay within one group.
    exchanged = row["kind"] in ("other_group", "other_gene")
    if (row["group1"] == row["group2"]) == exchanged:
        yield Fault("ROW004", f"kind {row['kind']!r} does not go with groups {row['group1']} and {row['group2']}")


def _check_origin(context: RowContext) -> Iterator[Fault]:
    row = context.row
    for side in (1, 2):
        if row[f"organism{side}"] not in context.organisms:
            yield Fault("ROW005", f"organism{side} {row[f'organism{side}']!r} is not among the sources")
        if row[f"strand{side}"] not in ("+", "-"):
            yield Fault("ROW006", f"strand{side} is {row[f'strand{side}']!r}")
        # A mutated protein may lose residues; its interval stays that of the natural one.
        altered = side == 2 and row["kind"] == "mutated_protein"
        length = row[f"end{side}"] - row[f"start{side}"]
        if row[f"start{side}"] < 0 or (length != len(row[f"sentence{side}"]) and not altered):
            yield Fault("ROW007", f"sentence{side} has length {len(row[f'sentence{side}'])}, its interval {length}")


VALUE_CHECKS: tuple[Callable[[RowContext], Iterator[Fault]], ...] = (_check_id, _check_type, _check_origin)
"""The checks of a row that need no alignment."""


def _alignment_faults(context: RowContext) -> Iterator[Fault]:
    """Align the two sequences and compare, where both can be aligned."""
    for side, molecule in enumerate(molecules(context.config), start=1):
        alphabet: Alphabet = "dna" if molecule == "dna" else "protein"
        sequence = context.row[f"sentence{side}"]
        if not sequence or not set(LETTERS[alphabet]).issuperset(sequence):
            yield Fault("ROW008", f"sentence{side} is empty or has characters other than {LETTERS[alphabet]}")
            return
    check = _check_coding if context.config.molecule == "dna_protein" else _check_homologs
    yield from check(context)


def _check_homologs(context: RowContext) -> Iterator[Fault]:
    """Check a pair of two DNA sequences or of two proteins."""
    config, row = context.config, context.row
    first, second = row["sentence1"], row["sentence2"]
    alphabet: Alphabet = "dna" if config.molecule == "dna" else "protein"
    short, long = sorted((len(first), len(second)))
    if short < config.min_length or long > config.max_length:
        message = f"lengths {len(first)} and {len(second)} are not within {config.min_length}-{config.max_length}"
        yield Fault("ROW009", message)
        return  # sequences of any length would take any time to align
    if long - short > config.length_tolerance * short:
        message = f"lengths {len(first)} and {len(second)} differ by more than {config.length_tolerance:.0%}"
        yield Fault("ROW010", message)
    best = best_alignment(first, second, alphabet)
    similarity = best.matches / long
    residues = context.database_size.dna if alphabet == "dna" else context.database_size.protein
    expected = evalue(best.score, long, residues, alphabet)
    recomputed = {
        "similarity": similarity,
        "identity": best.identity,
        "sw_score": best.score,
        "bit_score": bit_score(best.score, alphabet),
        "evalue": expected,
    }
    yield from _differing_values(row, recomputed)
    # The aligner reads both strands, so a sequence contains another one on either.
    strands = (first, reverse_complement(first)) if alphabet == "dna" else (first,)
    contained = any(second in strand or strand in second for strand in strands)
    if row["kind"] == "identical" and first != second:
        yield Fault("ROW012", "kind 'identical', but the sides differ")
    if row["kind"] == "containment" and (not contained or len(first) == len(second)):
        yield Fault("ROW012", "kind 'containment', but neither side contains the other")
    if row["label"] == 1:
        # Such a pair needs no alignment to be told: only the pair types that are meant to be so may be.
        if contained and row["kind"] not in EXACT:
            yield Fault("ROW012", f"kind {row['kind']!r}, but one side contains the other")
        if not config.accepts(row["kind"], similarity):
            yield Fault("ROW013", f"kind {row['kind']!r}, but similarity is {similarity:.3f}")
        if expected >= config.max_evalue:
            yield Fault("ROW013", f"similar, but the E-value is {expected:.2g}")
    if row["label"] == 0:
        if similarity >= config.max_dissimilarity:
            yield Fault("ROW014", f"dissimilar, but similarity is {similarity:.3f}")
        if expected < config.min_dissimilar_evalue:
            yield Fault("ROW014", f"dissimilar, but the E-value is {expected:.2g}")


def _check_coding(context: RowContext) -> Iterator[Fault]:
    """Check a pair of a gene and a protein."""
    config, row = context.config, context.row
    gene, protein = row["sentence1"], row["sentence2"]
    if not config.min_length <= len(gene) <= config.max_length:
        message = f"the gene's length {len(gene)} is not within {config.min_length}-{config.max_length}"
        yield Fault("ROW009", message)
        return
    code = context.genetic_codes.get(row["source1"], 1)
    best = best_frame_alignment(gene, protein, code)
    similarity = spliced_identity(gene, protein, code)
    recomputed = {
        "similarity": similarity,
        "identity": best.identity,
        "sw_score": best.score,
        "bit_score": bit_score(best.score, "protein"),
        # Six frames of a third of the bases each: twice as many residues as there are bases.
        "evalue": evalue(best.score, len(protein), 2 * context.database_size.dna, "protein"),
    }
    yield from _differing_values(row, recomputed)
    if row["label"] == 1 and similarity <= config.min_similarity:
        yield Fault("ROW013", f"coding, but only {similarity:.3f} of the protein can be read")
    if row["label"] == 0 and similarity >= config.max_dissimilarity:
        yield Fault("ROW014", f"not coding, but {similarity:.3f} of the protein can be read")


def _differing_values(row: Row, recomputed: dict[str, float]) -> Iterator[Fault]:
    for name, value in recomputed.items():
        if not math.isclose(row[name], value, rel_tol=1e-9, abs_tol=1e-300):
            yield Fault("ROW011", f"{name} is {row[name]!r}, recomputed {value!r}")
