"""What a build counts: the outcome of every candidate, by name and in words."""

from __future__ import annotations

OUTCOMES: dict[str, str] = {
    "accepted": "accepted candidates, from which the pairs are chosen",
    "ambiguous": "ambiguous bases or residues",
    "coding_not_readable": "genes from which too little of their protein can be read",
    "contained": "one sequence contains the other",
    "crosses_groups": "the two sequences are in different homology groups",
    "dissimilar": "the two similar pairs cannot exchange their sequences",
    "duplicate": "duplicate pairs",
    "evalue": "E-value too high",
    "homolog_in_other_split": "a homolog in another split",
    "identical": "identical sequences",
    "jitter": "no two windows with the overlap that the similarity needs",
    "length": "length out of range, or too different",
    "missing": "wanted, but the sources have no more",
    "no_dissimilar_pair": "genes for which no dissimilar pair came out",
    "no_genome": "genes without their genome",
    "no_order": "no two orders of the parts that keep the constraints",
    "not_contained": "neither sequence contains the other",
    "not_identical": "sequences that differ",
    "overlaps_itself": "both sequences overlap in the genome",
    "repeat_masked": "too much of a window is masked as a repeat",
    "similarity": "similarity out of range",
    "still_readable": "altered genes or proteins that can still be read",
    "too_alike_to_cut": "too few differences to cut at",
}
"""Outcomes in words. ``dissimilar_`` or ``no_order_`` before a name say what was counted of; after ``missing_`` comes a
pair type."""


def is_counted_as(name: str, outcome: str) -> bool:
    """Whether a count is that of an outcome, or of a special case of it.

    Parameters
    ----------
    name : str
        Name of a count, as in ``"dissimilar_evalue"``.
    outcome : str
        A name in `OUTCOMES`.

    Examples
    --------
    >>> is_counted_as("dissimilar_evalue", "evalue"), is_counted_as("dissimilar_evalue", "length")
    (True, False)
    """
    return name == outcome or name.startswith(f"{outcome}_") or name.endswith(f"_{outcome}")


def outcome_in_words(name: str) -> str:
    """Return what a count stands for.

    Parameters
    ----------
    name : str
        Name of a count, as in ``"crosses_groups"``.

    Examples
    --------
    >>> outcome_in_words("crosses_groups")
    'the two sequences are in different homology groups'
    >>> outcome_in_words("dissimilar_evalue")
    'the two similar pairs cannot exchange their sequences: E-value too high'
    """
    if name in OUTCOMES:
        return OUTCOMES[name]
    words = [text for outcome, text in OUTCOMES.items() if is_counted_as(name, outcome)]
    return ": ".join(words) or name.replace("_", " ")
