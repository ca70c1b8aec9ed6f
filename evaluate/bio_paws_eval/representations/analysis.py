"""Numbers of embedded models: distances and their nulls, changes between models, CKA of their layers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from tqdm import tqdm

from bio_paws_eval.models import loading
from bio_paws_eval.representations.cka import MIN_THINGS, debiased_cka, linear_cka
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE, Frame, nearest, place
from bio_paws_eval.representations.permutation_tests import Null, Permutations, change, separation
from bio_paws_eval.representations.results import Alignment, Change, Distance
from bio_paws_eval.representations.vocabulary import GROUPS, Words
from bio_paws_eval.stats import metrics

CROSSINGS = (("dna", "english"), ("protein", "english"), ("dna", "protein"))
"""Distances between groups that are tested; the first is the paper's."""

NULL_WORDS = 500
"""Words a group that are put together anew; all distances between them are held."""


@dataclass(frozen=True)
class Embedded:
    """A model's vectors.

    Attributes
    ----------
    label : str
        A, B, C.
    source : models.Source
        The model.
    words : ndarray, shape=(n, d)
        Of the words, on disk.
    frame : Frame
        Where they lie.
    pairs : dict of str to ndarray, shape=(layers, 2, pairs, d)
        Of the sides of similar pairs, for each task.
    """

    label: str
    source: loading.Source
    words: NDArray[np.float32]
    frame: Frame
    pairs: dict[str, NDArray[np.float32]]


Nearby = dict[tuple[str, str, str], NDArray[np.float64]]
"""Distance of each word of a group to the nearest of another, by metric, group and other group."""


def nearest_words(one: Embedded, words: Words, device: torch.device) -> Nearby:
    """Measure every distance of a model: the part that takes time."""
    found: Nearby = {}
    for metric in tqdm(METRICS, desc=f"distances in {one.label}", disable=None):
        if metric == "scaled":
            radius = one.frame.radius or 1.0
            near = {both: found["euclidean", *both] / radius for both in itertools.product(GROUPS, GROUPS)}
        else:
            near = nearest(one.words, one.frame, metric, words.places, device)
        found |= {(metric, *both): distances for both, distances in near.items()}
    return found


def distances(
    permuted: Permutations, embedded: Sequence[Embedded], words: Words, nearby: dict[str, Nearby]
) -> Iterator[Distance]:
    """Sum up the distances of each model, and test whether the groups lie apart."""
    drawn = sample(permuted, words, "null", NULL_WORDS)
    for one in embedded:
        for source in GROUPS:
            keys = [(metric, target) for metric in METRICS for target in GROUPS]
            values = np.stack([nearby[one.label][metric, source, target] for metric, target in keys])
            for (metric, target), found in zip(keys, metrics.mean_intervals(values), strict=True):
                tested = metric in SCALE_FREE and (source, target) in CROSSINGS
                yield Distance(
                    one.label,
                    metric,
                    source,
                    target,
                    **found,  # type: ignore[arg-type]
                    null=_separation(permuted, one, metric, drawn[source], drawn[target]) if tested else None,
                )


def _separation(
    permuted: Permutations, one: Embedded, metric: str, source: NDArray[np.intp], target: NDArray[np.intp]
) -> Null:
    points = place(one.words[np.r_[source, target]], one.frame, metric)
    distances = cdist(points, points)
    if metric == "cosine":
        distances = distances**2 / 2
    # The same permutations in every model and metric.
    return separation(distances, len(source), permuted.count, permuted.rng("separation"))


def sample(permuted: Permutations, words: Words, purpose: str, most: int) -> dict[str, NDArray[np.intp]]:
    """Places of a random part of each group, in their order."""
    chosen = {}
    for name, group in words.places.items():
        drawn = permuted.rng(purpose, name).permutation(np.arange(group.start, group.stop))
        chosen[name] = np.sort(drawn[:most])
    return chosen


def changes(
    permuted: Permutations, embedded: Sequence[Embedded], words: Words, nearby: dict[str, Nearby]
) -> Iterator[Change]:
    """Compare the distances of each two models, and test whether words moved."""
    found = []
    for first, second in itertools.combinations(embedded, 2):
        for metric, (source, target) in itertools.product(METRICS, CROSSINGS):
            before, after = (nearby[one.label][metric, source, target] for one in (first, second))
            null = None
            if metric in SCALE_FREE:
                null = change(after - before, permuted.count, permuted.rng("change"))
            means = float(before.mean()), float(after.mean())
            ratio = second.frame.radius / first.frame.radius
            found.append(Change(first.label, second.label, metric, source, target, *means, ratio, null, None))
    corrected = iter(metrics.holm([one.null.p for one in found if one.null]))
    for one in found:
        yield dataclasses.replace(one, corrected=next(corrected)) if one.null else one


def alignments(permuted: Permutations, embedded: Sequence[Embedded]) -> tuple[tuple[Alignment, ...], tuple[str, ...]]:
    """Compare the sides of similar pairs in each model, and the models on the first sides."""
    notes = []
    asked = []
    for name, sides in embedded[0].pairs.items():
        if sides.shape[2] < MIN_THINGS:
            notes.append(f"no CKA on {name}: {sides.shape[2]} similar test pairs, {MIN_THINGS} are needed")
            continue
        asked += [(one.label, one.label, name, one.pairs[name][:, 0], one.pairs[name][:, 1]) for one in embedded]
        for first, second in itertools.combinations(embedded, 2):
            if len(first.pairs[name]) == len(second.pairs[name]):
                both = first.pairs[name][:, 0], second.pairs[name][:, 0]
                asked.append((first.label, second.label, name, *both))
            else:
                notes.append(f"no CKA of {first.label} with {second.label} on {name}: they differ in their layers")
    found = []
    for first_label, second_label, name, one, other in tqdm(asked, desc="CKA", disable=None):
        for layer in range(len(one)):
            debiased = debiased_cka(one[layer], other[layer], permuted.count, permuted.rng("cka"))
            cka = linear_cka(one[layer], other[layer])
            found.append(Alignment(first_label, second_label, name, layer, one.shape[1], cka, debiased))
    return tuple(found), tuple(notes)


def nearest_table(words: Words, nearby: dict[str, Nearby]) -> pa.Table:
    """Distances of each word to the nearest of each group, a row for each model and word."""
    parts = [
        pa.table(
            {
                "model": [label] * len(words.texts),
                "group": words.groups,
                "word": list(words.texts),
                **{
                    f"{metric}_to_{target}": np.concatenate([found[metric, source, target] for source in GROUPS])
                    for metric in METRICS
                    for target in GROUPS
                },
            }
        )
        for label, found in nearby.items()
    ]
    return pa.concat_tables(parts)
