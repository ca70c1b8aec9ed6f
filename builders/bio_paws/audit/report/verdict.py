"""One line: what a set is sound for, and what to do first."""

from __future__ import annotations

from bio_paws.audit.findings import Finding
from bio_paws.audit.run import Audit

_LEAKS = ("leaked_pairs", "leaked_sequences", "leaked_reverse_complements", "leaked_homologs", "leaked_near_copies")
_ERRORS = (
    *("conflicting_labels", "duplicate_pairs", "swapped_pairs", "reverse_complement_pairs", "missing_values"),
    *("foreign_letters", "translation"),
)
_UNSPLIT = ("random_split", "random_homologs", "random_near_copies")
_CONSEQUENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (_ERRORS, "its rows contradict or repeat each other, or are not what they seem"),
    (_LEAKS, "a test score says little about new sequences"),
    (_UNSPLIT, "a random split would test on sequences, or relatives of sequences, that were trained on"),
)
_SHORTCUT = "a score may come from a shortcut that compares nothing"


def verdict(audit: Audit) -> str:
    """Say in one line whether a set is sound, for what, and what to do first.

    Examples
    --------
    A clean set: ``sound: no finding is severe or a warning``. Else the consequences of what is severe, or of the
    warnings where nothing is, and the advice of the first of them.
    """
    if audit.interrupted:
        return f"interrupted at {audit.interrupted}: what follows was done before, and is no verdict"
    serious = [finding for finding in audit.findings if finding.severity == "severe"]
    words = "not sound"
    if not serious:
        serious = [finding for finding in audit.findings if finding.severity == "warning"]
        words = "sound with care"
    if not serious:
        notes = len(audit.findings)
        return "sound: no finding is severe or a warning" + (f" ({notes} to know)" if notes else "")
    consequences = dict.fromkeys(map(_consequence, serious))
    first = min(serious, key=_urgency)
    return f"{words}: {'; '.join(consequences)}. First: {first.advice}"


def _consequence(finding: Finding) -> str:
    return next((words for checks, words in _CONSEQUENCES if finding.check in checks), _SHORTCUT)


def _urgency(finding: Finding) -> int:
    """Errors of rows come first, since all other figures rest on them; then leaks, then shortcuts."""
    return next(
        (order for order, (checks, _) in enumerate(_CONSEQUENCES) if finding.check in checks), len(_CONSEQUENCES)
    )
