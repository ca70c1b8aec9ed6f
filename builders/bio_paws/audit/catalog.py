"""What is checked: each check with its limits, their reasons, and what to do.

A new check starts with an entry here; a new function that measures it is called in `bio_paws.audit.run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bio_paws.errors import DataError
from bio_paws.execution.documents import parse_yaml

Severity = Literal["severe", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("severe", "warning", "note")

Unit = Literal["AUC", "1 - AUC", "share", "ratio"]

NEVER = float("inf")
"""A limit that no figure reaches."""

INTERVAL_SLACK = 0.05
"""An AUC counts as above a limit where the lower end of its interval is above the limit less this: few rows give wide
intervals, and 0.61 of 50 rows is chance."""

SIGNIFICANT = 1e-5
"""P-value below which a label difference is no chance: an audit makes some hundred tests."""

TAIL_PURITY = 0.8
"""Rows at one end of a feature's range are a finding where so large a part of them carries one label."""

FOREIGN = 0.01
"""Share of the characters of a side that its alphabet has no place for, from which it is a finding."""

REACHED = 0.02
"""A baseline reaches the upper bound where its AUC is lower by less than this."""


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    id : str
        Its name in JSON, in tables, in tests.
    unit : {"AUC", "1 - AUC", "share", "ratio"}
        What its figure is. An AUC is that of the better direction, from 0.5 to 1.
    warning, severe : float
        Figures from which the finding is a warning, or severe; below them it is a note.
    why : str
        Why the limits lie there.
    advice : str
        What to do.
    """

    id: str
    unit: Unit
    warning: float
    severe: float
    why: str
    advice: str

    def severity(self, value: float) -> Severity:
        """Return how severe a figure is."""
        return "severe" if value >= self.severe else "warning" if value >= self.warning else "note"


_SHORTCUT = "aligns nothing: 0.6 is more than chance makes of a thousand pairs, at 0.7 a model need not look further"
_ANY = "one such row is an error, one in a hundred moves scores"
_LETTERS = "an artefact of how rows were made, which has no use; any tie to the label can be learnt"
_LEAK = "one in a thousand is a slip, one in a hundred raises a test score by what it measures"

CHECKS: tuple[Check, ...] = (
    Check(
        *("label_balance", "share", 0.65, 0.9, "from 2:1 accuracy misleads, from 9:1 it says nothing"),
        "Report balanced accuracy or MCC, or sample the labels to equal counts.",
    ),
    Check(
        *("label_order", "AUC", NEVER, NEVER, "no model reads the order of rows"),
        "Shuffle the rows before anything takes the first so many.",
    ),
    Check(
        *("label_runs", "ratio", NEVER, NEVER, "no model reads the order of rows"),
        "Shuffle the rows: the label of a row tells that of the next, and batches are not random.",
    ),
    Check(
        *("missing_values", "share", 0.0, 0.05, "a missing value is an error; in one row of twenty it is the rule"),
        "Remove these rows; nothing below counts them.",
    ),
    Check(
        *("duplicate_pairs", "share", 0.002, 0.05, "a few are chance, many count the same evidence twice"),
        "Keep one row of each pair.",
    ),
    Check(
        *("swapped_pairs", "share", 0.002, 0.05, "a pair says the same with its sides swapped"),
        "Keep one of the two orders, or keep both in the same split.",
    ),
    Check(
        *("reverse_complement_pairs", "share", 0.002, 0.05, "the other strand is the same molecule"),
        "Compare pairs by the lesser of both strands and keep one row of each.",
    ),
    Check(
        *("conflicting_labels", "share", 0.0, 0.01, _ANY),
        "Decide on one label for these pairs, or remove them: no answer to them is right.",
    ),
    Check(
        *("one_label_sequences", "share", 0.002, 0.2, "a sequence that often stands under one label gives it away"),
        "Draw as many pairs of the other label with these sequences, or fewer of this one.",
    ),
    Check(
        *("degree_bias", "AUC", 0.6, 0.7, _SHORTCUT),
        "Draw negatives so that every sequence stands as often under both labels.",
    ),
    Check(*("lower_case", "share", 0.002, 0.2, _LETTERS), "Write all sequences in upper case."),
    Check(
        *("gaps", "share", 0.002, 0.2, _LETTERS),
        "Remove gap and stop characters, or write them under both labels alike.",
    ),
    Check(*("white_space", "share", 0.002, 0.2, _LETTERS), "Strip the sequences."),
    Check(
        *("other_letters", "share", 0.002, 0.2, _LETTERS),
        "Remove sequences with ambiguous letters, or see that both labels have as many.",
    ),
    Check(
        *(
            "foreign_letters",
            "share",
            FOREIGN,
            0.05,
            "a few are slips, one in twenty says that the side is another thing",
        ),
        "See whether the side is what it is taken for, and name it with --molecule1 or --molecule2; else clean it.",
    ),
    *(
        Check(f"{feature}{side}", "AUC", 0.6, 0.7, _SHORTCUT, f"Draw pairs so that the {words} of {name} is the same.")
        for feature, words in (("length", "length"), ("composition", "composition"), ("complexity", "complexity"))
        for side, name in ((1, "sentence1 under both labels"), (2, "sentence2 under both labels"))
    ),
    Check(
        *("length_difference", "AUC", 0.6, 0.7, _SHORTCUT),
        "Match each negative to the length difference of a positive.",
    ),
    Check(
        *("composition_difference", "AUC", 0.6, 0.7, _SHORTCUT),
        "Match each negative to the difference of composition of a positive.",
    ),
    Check(
        *("identical_sides", "share", 0.002, 0.2, "needs no more than a comparison of strings"),
        "Leave pairs of identical sides out, or report them apart.",
    ),
    Check(
        *("containment", "share", 0.002, 0.2, "needs no more than a search for a substring"),
        "Leave pairs out whose one side contains the other, or report them apart.",
    ),
    *(
        Check(
            *(f"sentence{side}_alone", "AUC", 0.6, 0.7, _SHORTCUT),
            f"Re-pair the sides so that each sentence{side} stands under both labels.",
        )
        for side in (1, 2)
    ),
    *(
        Check(
            *(f"position{side}", "AUC", 0.6, 0.7, _SHORTCUT),
            f"Draw pairs so that the letters at each place of sentence{side} are the same under both labels.",
        )
        for side in (1, 2)
    ),
    Check(
        *("kmers", "AUC", 0.6, NEVER, "counting words is a fair baseline, but a set it solves tests no more than it"),
        "Report the k-mer baseline beside every score; add negatives with the k-mers of a positive in another order.",
    ),
    Check(
        *("edit", "AUC", 0.6, NEVER, "as for k-mers: where the letters already line up, nothing need be aligned"),
        "Report the edit similarity beside every score; jitter the ends of similar pairs.",
    ),
    Check(
        *("alignment", "1 - AUC", NEVER, NEVER, "sets about other things than similarity are free to fail it"),
        "If the label is meant to be similarity, check how it was made; else name the oracle that decides it.",
    ),
    Check(
        *("translation", "1 - AUC", 0.1, 0.35, "where no reading decides, no answer is right but by chance"),
        "Give the DNA that codes for the protein, whole; a label that no reading decides cannot be learnt.",
    ),
    Check(
        *("frame0", "AUC", 0.6, NEVER, "a table of codons from the first base on solves the set"),
        "Start the DNA at a random base before the coding sequence, and add negatives that keep the frame.",
    ),
    Check(
        *("coding_start", "share", NEVER, NEVER, "a fact to know"),
        "Check that the DNA holds enough of the coding sequence to decide the label.",
    ),
    Check(*("leaked_pairs", "share", 0.001, 0.01, _LEAK), "Remove these pairs from the later split."),
    Check(
        *("leaked_sequences", "share", 0.001, 0.01, _LEAK),
        "Split by sequence: all pairs of a sequence into one split.",
    ),
    Check(
        *("leaked_reverse_complements", "share", 0.001, 0.01, _LEAK),
        "Split by the lesser of both strands of a sequence.",
    ),
    Check(
        *("leaked_homologs", "share", 0.002, 0.05, "homologs are in every genome; a few are chance, many are a leak"),
        "Cluster by homology and split by cluster; search test against train to prove it.",
    ),
    Check(
        *(
            "leaked_near_copies",
            "share",
            0.002,
            0.05,
            "as for homologs: of short sequences only near copies can be told",
        ),
        "Group sequences within a few edits and split by group; search test against train to prove it.",
    ),
    Check(
        *("random_split", "share", 0.01, NEVER, "no split is given, so none is wrong yet"),
        "Do not split at random: put all pairs that share a sequence into one split, and publish the splits.",
    ),
    Check(
        *("random_homologs", "share", 0.05, NEVER, "no split is given, so none is wrong yet"),
        "Split by clusters of homologs, not at random.",
    ),
    Check(
        *("random_near_copies", "share", 0.05, NEVER, "no split is given, so none is wrong yet"),
        "Split by groups of near copies, not at random.",
    ),
)


def index_by_id(checks: tuple[Check, ...]) -> dict[str, Check]:
    """Index checks; duplicates are a programming error found at import."""
    index = {check.id: check for check in checks}
    if len(index) < len(checks):
        raise ValueError("a check is defined twice")
    return index


BY_ID = index_by_id(CHECKS)


Limits = Mapping[str, Check]
"""The checks by id, with the limits that findings are judged by."""


def read_limits(path: Path) -> Limits:
    """Read limits that stand in for those of `CHECKS`, as a team agrees on them: YAML or JSON.

    A mapping of ids of checks to ``warning`` and ``severe``, either or both; ``.inf`` for never.

    Raises
    ------
    DataError
        When the file cannot be read, names no check, or a limit is no number.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        given = parse_yaml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise DataError(f"{path}: not a mapping of checks to limits, as in 'degree_bias: {{warning: 0.65}}'")
    limits = dict(BY_ID)
    for check, named in given.items():
        if check not in limits:
            raise DataError(f"{path}: no check {check!r}: choose from {', '.join(BY_ID)}")
        if not isinstance(named, dict) or not named or set(named) - {"warning", "severe"}:
            raise DataError(f"{path}: {check}: give 'warning', 'severe' or both")
        numbers = {name: _number(value, f"{path}: {check}: {name}") for name, value in named.items()}
        known = limits[check]
        limits[check] = replace(
            known, warning=numbers.get("warning", known.warning), severe=numbers.get("severe", known.severe)
        )
        if limits[check].warning > limits[check].severe:
            raise DataError(f"{path}: {check}: warning is above severe")
    return limits


def _number(value: object, where: str) -> float:
    try:
        # YAML reads 1e-5 as a word.
        return float(str(value))
    except ValueError:
        raise DataError(f"{where} is {value!r}, not a number") from None
