"""What a side is written in: DNA, RNA, protein, SMILES or text. A new alphabet is one entry in `ALPHABETS`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bio_paws.align import smith_waterman
from bio_paws.features.pair_features import COMPOSITION_LETTERS

Kind = Literal["dna", "rna", "protein", "smiles", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GAPS = "-.*"
"""Gaps and stops: a check of their own, foreign to no alphabet."""
SPACES = " \t\r\n"
_OWN_SHARE = 0.95  # of the characters must belong to an alphabet for a side to be taken as written in it
_SMILES_SHARE = 0.95  # of the strings must parse as SMILES
_SMILES_ATOM = r"\[[^\[\]\s]{1,40}\]|Br|Cl|[BCNOPSFIbcnops]|%\d\d|\d|[()=#$:/\\.\-+~*]"
_SMILES = re.compile(f"(?:{_SMILES_ATOM})+")
_SMILES_ONLY = re.compile(r"[()=#\[\]\d]|[cnos]{2}")


@dataclass(frozen=True)
class Alphabet:
    """One way to write a side.

    Attributes
    ----------
    kind : str
        Its name, also on the command line.
    letters : str
        Its standard letters, in upper case; empty where any character is right.
    ambiguous : str
        Letters that stand for several of them: rare, but not foreign.
    composition : str
        Letters whose share is the feature ``composition``.
    aligned_as : {"dna", "protein"} or None
        How it is aligned and searched for homologs; None where it is not.
    both_strands : bool
        Whether a sequence and its reverse complement are the same molecule.
    """

    kind: Kind
    letters: str = ""
    ambiguous: str = ""
    composition: str = ""
    aligned_as: smith_waterman.Alphabet | None = None
    both_strands: bool = False

    @property
    def is_sequence(self) -> bool:
        """Whether it writes a biological sequence, in which case means nothing."""
        return self.aligned_as is not None

    def standard(self, text: str) -> str:
        """Return a side as it is compared: a sequence in upper case, RNA with T for U; anything else as written.

        Examples
        --------
        >>> ALPHABETS["rna"].standard("acgu"), ALPHABETS["smiles"].standard("c1ccccc1")
        ('ACGT', 'c1ccccc1')
        """
        if not self.is_sequence:
            return text
        upper = text.upper()
        return upper.replace("U", "T") if self.kind == "rna" else upper


_IUPAC = "RYSWKMBDHVN"

ALPHABETS: dict[Kind, Alphabet] = {
    alphabet.kind: alphabet
    for alphabet in (
        Alphabet("dna", "ACGT", _IUPAC, COMPOSITION_LETTERS["dna"], "dna", both_strands=True),
        # RNA pairs with its complement, but is not the same molecule.
        Alphabet("rna", "ACGU", _IUPAC, COMPOSITION_LETTERS["dna"], "dna"),
        Alphabet("protein", smith_waterman.LETTERS["protein"], "BZXUOJ", COMPOSITION_LETTERS["protein"], "protein"),
        Alphabet("smiles"),
        Alphabet("text"),
    )
}


@dataclass(frozen=True)
class Guess:
    """What a side is written in, and why it is taken for that."""

    kind: Kind
    evidence: str


def guess_alphabet(texts: Sequence[str]) -> Guess:
    """Guess the alphabet of a side from strings of it.

    Examples
    --------
    >>> guess_alphabet(["ACGUACGGUU", "GGCUAAUU"]).kind, guess_alphabet(["CC(=O)Oc1ccccc1"]).kind
    ('rna', 'smiles')
    >>> guess_alphabet(["A cat sat."]).kind, guess_alphabet(["MKVLAAGIVW"]).kind
    ('text', 'protein')
    """
    if not texts:
        return Guess("text", "no string to judge by")
    parsed = sum(_SMILES.fullmatch(text) is not None for text in texts)
    marked = sum(_SMILES_ONLY.search(text) is not None for text in texts)
    if parsed >= _SMILES_SHARE * len(texts) and 2 * marked >= len(texts):
        return Guess("smiles", f"{parsed:,} of {len(texts):,} strings parse as SMILES")
    counts = Counter("".join(texts).upper())
    total = counts.total()

    def count(letters: str) -> int:
        return sum(counts[letter] for letter in letters)

    def evidence(part: int, letters: str) -> str:
        return f"{part / total:.1%} of {total:,} characters are of {letters}"

    if not total or count(" ") > (1 - _OWN_SHARE) * total:
        return Guess("text", "its strings hold words between blanks")
    # T and U may be mixed; what there is more of decides, and the rest is reported as foreign.
    nucleotides = count("ACGTUN-")
    if nucleotides >= _OWN_SHARE * total:
        kind: Kind = "rna" if counts["U"] > counts["T"] else "dna"
        return Guess(kind, evidence(nucleotides, "ACGUN" if kind == "rna" else "ACGTN"))
    protein = ALPHABETS["protein"]
    residues = count(protein.letters + protein.ambiguous + GAPS)
    if residues >= _OWN_SHARE * total:
        return Guess("protein", evidence(residues, "the amino acids"))
    return Guess("text", f"only {residues / total:.1%} of {total:,} characters are of any sequence alphabet")
