"""What the checks of a data set report: violations, each with a stable code that other programs can match.

A code consists of what it is about and a number. Numbers are not reused when a check goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_CODES = (
    ("FILE001", "manifest.json is valid, but not written as bio-paws writes it"),
    ("FILE002", "the Parquet file of a split is missing"),
    ("FILE003", "size or SHA-256 of a Parquet file is not the manifest's"),
    ("FILE004", "a file does not belong to the data set"),
    ("FILE005", "the card, a figure or another generated file is out of date"),
    ("FILE006", "the card and the figures cannot be rendered for the comparison"),
    ("FILE007", "the signed statement does not match the files, or its signature its key"),
    ("FILE008", "a Parquet file cannot be read, or has other columns than a pair"),
    ("FILE009", "there is a link, or something else that is neither a file nor a folder"),
    ("FILE010", "there is an empty folder"),
    ("ROW001", "a value is missing"),
    ("ROW002", "pair_id is not the digest of the row"),
    ("ROW003", "the label does not go with the pair type"),
    ("ROW004", "the homology groups do not go with the pair type"),
    ("ROW005", "an organism is not among the sources"),
    ("ROW006", "a strand is neither + nor -"),
    ("ROW007", "a sequence is not as long as its interval"),
    ("ROW008", "a sequence is empty, or has characters outside its alphabet"),
    ("ROW009", "a length is out of the config's range"),
    ("ROW010", "the lengths of the two sides differ by too much"),
    ("ROW011", "a stored value is not the recomputed one"),
    ("ROW012", "identity or containment of the two sides does not go with the pair type"),
    ("ROW013", "a pair of label 1 does not meet the config's limits"),
    ("ROW014", "a pair of label 0 does not meet the config's limits"),
    ("SPLIT001", "the labels are not equally frequent"),
    ("SPLIT002", "the number of rows is not the manifest's"),
    ("SPLIT003", "the rows are not sorted by pair_id"),
    ("SPLIT004", "a sequence is not equally often under both labels"),
    ("SPLIT005", "a pair type has not its share of the rows"),
    ("SPLIT006", "the similarity bins are not equally filled"),
    ("SPLIT007", "a rearranged or mined pair of label 0 has no matching pair of label 1"),
    ("SPLIT008", "the breadth of a split is not the manifest's"),
    ("SPLIT009", "a split is less broad than the manifest says"),
    ("CONFIG001", "the content hash is not the manifest's"),
    ("CONFIG002", "molecule or label names are not the config's"),
    ("CONFIG003", "a pair is repeated"),
    ("LEAK001", "a homology group is in two splits"),
    ("LEAK002", "intervals of two splits overlap in a source"),
    ("LEAK003", "a sequence is in two splits"),
    ("LEAK004", "a sequence has a significant BLAST hit in an earlier split"),
    ("LEAK005", "a pair of an organism that the manifest holds out for test is in another split"),
    ("VIEWER001", "the metadata of the card cannot be read"),
    ("VIEWER002", "the metadata of the card names other configs"),
    ("VIEWER003", "the metadata of the card names other files"),
    ("VIEWER004", "datasets does not accept the name of a config or split"),
    ("VIEWER005", "sizes or counts in the metadata are not those of the files"),
    ("VIEWER006", "label is not a ClassLabel"),
    ("VIEWER007", "the features of a file are not the card's"),
    ("VIEWER008", "a file lacks the metadata by which the Hub recognises content-defined chunks"),
    ("VIEWER009", "the footer of a file counts other rows than its row groups"),
    ("VIEWER010", "a row group is too large"),
    ("VIEWER011", "a file has no page index"),
    ("VIEWER012", "a file is not compressed"),
    ("VIEWER013", "a file has no page checksums"),
    ("VIEWER014", "the Hub's viewer cannot compute the statistics of a column"),
    ("VIEWER015", "the Hub's viewer cuts the first rows"),
)


def _registry(codes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    registry = dict(codes)
    if len(registry) != len(codes):
        raise ValueError("a code of a violation is registered twice")
    return registry


CODES = _registry(_CODES)
"""Every code, with what it means in one line."""


class Fault(NamedTuple):
    """A broken invariant, before it is known where: its code, and what is wrong."""

    code: str
    message: str


@dataclass(frozen=True)
class Violation:
    """A broken invariant.

    Attributes
    ----------
    code : str
        One of `CODES`.
    config, split, pair_id : str
        Where; empty as far as it is not in one place.
    message : str
        What is wrong.

    Examples
    --------
    >>> print(Violation("ROW001", "dna50", "test", "abcdefghijklmnop", "a value is missing"))
    ROW001 dna50/test row abcdefghijklmnop: a value is missing
    """

    code: str
    config: str
    split: str
    pair_id: str
    message: str

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not a registered code of a violation")

    def __str__(self) -> str:
        where = "/".join(part for part in (self.config, self.split) if part)
        row = f" row {self.pair_id}" if self.pair_id else ""
        return f"{self.code} {where}{row}: {self.message}" if where else f"{self.code} {self.message}"
