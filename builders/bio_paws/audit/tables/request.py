"""What a user says about a data set, where the audit would otherwise guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bio_paws.audit.alphabets import Kind


@dataclass(frozen=True)
class Request:
    """What to audit, and as what; None: guessed.

    Attributes
    ----------
    sentence1, sentence2, label : str or None
        Names of columns.
    molecule1, molecule2 : str or None
        What each side is written in.
    positive : tuple of str
        Values of the label that count as 1; all others are 0.
    threshold : float or None
        Numbers from which on a label counts as 1.
    fasta : tuple of Path
        Up to two FASTA files (or tables of an id and a sequence) that hold the sequences of the ids in the columns.
    """

    sentence1: str | None = None
    sentence2: str | None = None
    label: str | None = None
    molecule1: Kind | None = None
    molecule2: Kind | None = None
    positive: tuple[str, ...] = ()
    threshold: float | None = None
    fasta: tuple[Path, ...] = ()
