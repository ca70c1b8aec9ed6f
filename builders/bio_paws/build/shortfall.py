"""Why a config has fewer pairs than requested, or none: a sentence made of the counts of its build."""

from __future__ import annotations

from collections import Counter

from bio_paws.configs import SPLITS, PairConfig
from bio_paws_cards.outcomes import outcome_in_words

_FEWEST_GROUPS = 2
"""Homology groups with similar sequences that a split needs: a dissimilar pair has its sides from two."""

_ADVICE = {
    "crosses_groups": "give more or longer genomes",
    "identical": "add a more distant relative: these sequences hardly differ",
    "too_alike_to_cut": "add a more distant relative: these sequences hardly differ",
    "similarity": "add a closer relative: these sequences differ too much",
    "evalue": "add a closer relative: these sequences differ too much",
    "repeat_masked": "check the soft mask (lower case) of the genomes",
    "no_genome": "add the genomes that the genes lie on",
}
"""What to do, by the most frequent reason of rejection."""


def rejections(outcomes: dict[str, int]) -> list[tuple[str, int]]:
    """Return the reasons of rejection with their counts, the most frequent first.

    Parameters
    ----------
    outcomes : dict of str to int
        Candidates by outcome. What was accepted, and what is missing of the requested pairs, is left out.

    Examples
    --------
    >>> rejections({"accepted": 9, "length": 1, "missing_homolog": 4, "identical": 3, "jitter": 0})
    [('identical', 3), ('length', 1)]
    """
    counts = [
        (name, count)
        for name, count in outcomes.items()
        if count and name != "accepted" and not name.startswith("missing")
    ]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def explain_shortfall(
    config: PairConfig, rows: dict[str, int], wanted: int, outcomes: dict[str, int], groups: dict[str, int]
) -> str:
    """Say why a config has fewer pairs than requested, and what would give more.

    Parameters
    ----------
    config : PairConfig
        The config.
    rows : dict of str to int
        Pairs of each split; splits without a pair may be missing.
    wanted : int
        Pairs requested of all splits, `PairConfig.fewest_pairs` or more.
    outcomes : dict of str to int
        Candidates by outcome.
    groups : dict of str to int
        Homology groups with similar sequences, by split.

    Returns
    -------
    str
        A sentence without its full stop; empty where nothing is missing.

    Examples
    --------
    >>> from bio_paws.configs import get_config
    >>> config = get_config("dna150")
    >>> explain_shortfall(config, {}, 400, {"missing_homolog": 200}, {})
    'no pairs: no two sequences of the source are similar over 120 bp or more: add a related genome'
    >>> rows = {"train": 320, "validation": 40, "test": 38}
    >>> explain_shortfall(config, rows, 400, {"accepted": 900, "identical": 70}, {})
    '398 of 400 pairs: no more of the 900 accepted candidates can be matched; rejected: 70 (identical sequences)'
    >>> explain_shortfall(config, {"train": 320, "validation": 40, "test": 40}, 402, {"accepted": 900}, {})
    '400 of 402 pairs: they come 4 at a time'
    """
    total = sum(rows.values())
    empty = [split for split in SPLITS if not rows.get(split)]
    if total >= wanted or all(rows.get(split) == 2 * quota for split, quota in config.quotas(wanted).items()):
        return f"{total:,} of {wanted:,} pairs: they come {config.pairs_at_once} at a time" if total < wanted else ""
    accepted, rejected = outcomes.get("accepted", 0), rejections(outcomes)
    if not total:
        parts = ["no pairs"]
    elif empty:
        parts = [f"no pairs in {' and '.join(empty)}, {total:,} of {wanted:,} in all"]
    else:
        parts = [f"{total:,} of {wanted:,} pairs"]
    if not accepted and not rejected:
        related = "protein" if config.molecule == "protein" else "genome"
        parts.append(f"no two sequences of the source are similar over {config.min_length} {config.unit} or more")
        parts.append(f"add a related {related}")
        return ": ".join(parts)
    # Dissimilar pairs exchange partners between groups, so a split with fewer groups has none.
    few = [split for split in empty if groups.get(split, 0) < _FEWEST_GROUPS]
    if not accepted:
        parts.append("no candidate was accepted")
    elif few and config.molecule != "dna_protein":
        groups_by_split = ", ".join(f"{split} {groups.get(split, 0)}" for split in SPLITS)
        parts.append(
            f"every split needs {_FEWEST_GROUPS} homology groups with similar sequences, and the source gives "
            f"{groups_by_split}"
        )
    elif config.molecule == "dna_protein":
        parts.append(f"each of the {accepted:,} readable genes gives at most one pair of either label")
    else:
        parts.append(f"no more of the {accepted:,} accepted candidates can be matched")
    sentence = ": ".join(parts)
    if rejected:
        by_words: Counter[str] = Counter()
        for name, count in rejected:
            by_words[outcome_in_words(name)] += count
        sentence += f"; rejected: {', '.join(f'{count:,} ({words})' for words, count in by_words.most_common())}"
    if empty:
        sentence += (
            f"; {_ADVICE.get(rejected[0][0] if rejected and not accepted else '', 'add more or longer genomes')}"
        )
    return sentence
