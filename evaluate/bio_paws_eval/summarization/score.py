"""What summaries of DNA are worth: how much is DNA, and whether homologs are found by them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.measurements import READ_STRICTLY, Amount, Share
from bio_paws_eval.stats.intervals import with_interval
from bio_paws_eval.stats.resampling import RESAMPLES
from bio_paws_eval.summarization.genes import Gene, find_hits

Pair = tuple[int, int]
Interval = dict[str, float | None]


@dataclass(frozen=True)
class Score:
    """How the summaries of one method do; intervals of 95% are over homology groups, drawn anew.

    Attributes
    ----------
    method : str
        The model, or a floor.
    dna_letters : float
        Part of all letters written, spaces aside, that are ACGT.
    valid : float
        Part of the summaries that are of ACGT alone, and not empty.
    length : float
        Mean length of the DNA taken from a summary: its longest stretch of ACGT.
    finds_source : Interval
        Part of the summaries that BLAST finds in their own gene.
    homologs, others : Interval
        Part of the pairs of homologous genes, and of other genes, whose summaries find each other.
    difference : Interval
        Homologs less others.
    above : Interval or None
        The model's difference less this one; None for the model.
    """

    __pydantic_config__ = READ_STRICTLY
    method: str
    dna_letters: Share
    valid: Share
    length: Amount
    finds_source: Interval
    homologs: Interval
    others: Interval
    difference: Interval
    above: Interval | None


def dna_of(summary: str) -> str:
    """Return the longest stretch of ACGT of a summary, the first of equals, spaces aside."""
    return max(re.findall("[ACGT]+", _letters(summary)), key=len, default="")


def _letters(summary: str) -> str:
    return "".join(summary.split()).upper()


def score_all(
    written: Mapping[str, Sequence[str]], genes: Sequence[Gene], homologs: Sequence[Pair], unrelated: Sequence[Pair]
) -> list[Score]:
    """Score all methods on the same draws of groups.

    Parameters
    ----------
    written : dict of str to sequence of str
        Summaries of the genes by each method; the first is the model.
    genes : sequence of Gene
        What was summarised.
    homologs, others : sequence of (int, int)
        Pairs of genes by place.
    """
    names = sorted({gene.group for gene in genes})
    rng = np.random.default_rng(0)
    drawn = np.stack([np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
                      for _ in range(RESAMPLES)])  # fmt: skip
    place = {name: i for i, name in enumerate(names)}
    group = np.array([place[gene.group] for gene in genes])
    scores: list[Score] = []
    models_own: NDArray[np.float64] | None = None
    for method, summaries in written.items():
        dna = [dna_of(summary) for summary in summaries]
        in_source = find_hits(dna, [gene.dna for gene in genes])
        each_other = find_hits(dna, dna)
        own = _share(np.array([(i, i) in in_source for i in range(len(genes))]), group, drawn)
        near, far = (
            _share(
                np.array([bool({(i, j), (j, i)} & each_other) for i, j in pairs]), group[[i for i, _ in pairs]], drawn
            )
            for pairs in (homologs, unrelated)
        )
        difference = near - far
        models_own = difference if models_own is None else models_own
        letters = "".join(map(_letters, summaries))
        scores.append(
            Score(
                method,
                dna_letters=sum(map(letters.count, "ACGT")) / max(1, len(letters)),
                valid=float(
                    np.mean([sequence == _letters(text) != "" for sequence, text in zip(dna, summaries, strict=True)])
                ),
                length=float(np.mean([len(sequence) for sequence in dna])),
                finds_source=_interval(own),
                homologs=_interval(near),
                others=_interval(far),
                difference=_interval(difference),
                above=_interval(models_own - difference) if scores else None,
            )
        )
    return scores


def _interval(shares: NDArray[np.float64]) -> Interval:
    return with_interval(float(shares[0]), shares[1:])


def _share(hits: NDArray[np.bool_], group: NDArray[np.intp], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """Part of the hits: first of all groups as they are, then of each draw; nan where a draw holds none."""
    groups = drawn.shape[1]
    hit, every = (np.bincount(group, weights=values, minlength=groups) for values in (hits, np.ones(len(hits))))
    weights = np.vstack([np.ones(groups), drawn])
    total = weights @ every
    shares: NDArray[np.float64] = np.divide(weights @ hit, total, out=np.full(len(total), np.nan), where=total > 0)
    return shares
