"""Measurements on embedded models: nearest distances and their tests, changes between models, CKA of their layers."""

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

from bio_paws.execution.progress import progress
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.representations.cka import MIN_ITEMS, debiased_cka, linear_cka
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE, Normalisation, nearest_distances, normalise
from bio_paws_eval.representations.permutation_tests import (
    Permutations,
    PermutationTest,
    separation_test,
    sign_flip_test,
)
from bio_paws_eval.representations.results import Alignment, Change, Distance
from bio_paws_eval.representations.vocabulary import GROUPS, Vocabulary
from bio_paws_eval.stats.intervals import mean_intervals
from bio_paws_eval.stats.significance import holm

GROUP_PAIRS = (("dna", "english"), ("protein", "english"), ("dna", "protein"))
"""Pairs of groups whose distances are tested; the first is the paper's."""

TESTED_ITEMS = 500
"""Largest sample per group for the separation test, which has all distances between the items in memory."""


@dataclass(frozen=True)
class EmbeddedModel:
    """A model and its representations.

    Attributes
    ----------
    label : str
        A, B, C, ...
    source : models.Source
        The model.
    vectors : ndarray, shape=(n, d)
        Representations of the vocabulary, memory-mapped.
    normalisation : Normalisation
        Their centre and spread.
    pairs : dict of str to ndarray, shape=(layers, 2, pairs, d)
        Representations of both sides of similar pairs, by task.
    """

    label: str
    source: ModelSource
    vectors: NDArray[np.float32]
    normalisation: Normalisation
    pairs: dict[str, NDArray[np.float32]]


NearestDistances = dict[tuple[str, str, str], NDArray[np.float64]]
"""Distance of each item of a group to the nearest item of a group, by metric, source group and target group."""


def measure_nearest(model: EmbeddedModel, vocabulary: Vocabulary, device: torch.device) -> NearestDistances:
    """Compute the nearest distances of a model in every metric; this takes most of the time of a comparison."""
    measured: NearestDistances = {}
    for metric in progress(METRICS, desc=f"distances in {model.label}"):
        if metric == "scaled":  # the Euclidean distance in another unit: the neighbours are the same
            radius = model.normalisation.radius or 1.0
            group_pairs = itertools.product(GROUPS, GROUPS)
            by_groups = {groups: measured["euclidean", *groups] / radius for groups in group_pairs}
        else:
            by_groups = nearest_distances(model.vectors, model.normalisation, metric, vocabulary.slices, device)
        measured |= {(metric, *groups): distances for groups, distances in by_groups.items()}
    return measured


def summarise_distances(
    permutations: Permutations,
    models: Sequence[EmbeddedModel],
    vocabulary: Vocabulary,
    nearest: dict[str, NearestDistances],
) -> Iterator[Distance]:
    """Yield the mean distances of each model, with intervals, and tests whether the groups lie apart."""
    samples = sample(permutations, vocabulary, "null", TESTED_ITEMS)
    for model in models:
        for source in GROUPS:
            keys = [(metric, target) for metric in METRICS for target in GROUPS]
            # All metrics and targets share the bootstrap draws of the source group's items.
            values = np.stack([nearest[model.label][metric, source, target] for metric, target in keys])
            for (metric, target), interval in zip(keys, mean_intervals(values), strict=True):
                tested = metric in SCALE_FREE and (source, target) in GROUP_PAIRS
                yield Distance(
                    model.label,
                    metric,
                    source,
                    target,
                    **interval,  # type: ignore[arg-type]
                    null=_test_separation(permutations, model, metric, samples[source], samples[target])
                    if tested
                    else None,
                )


def _test_separation(
    permutations: Permutations, model: EmbeddedModel, metric: str, source: NDArray[np.intp], target: NDArray[np.intp]
) -> PermutationTest:
    points = normalise(model.vectors[np.r_[source, target]], model.normalisation, metric)
    distances = cdist(points, points)
    if metric == "cosine":
        distances = distances**2 / 2
    # A generator of the same name each time: the permutations are the same in every model and metric.
    return separation_test(distances, len(source), permutations.count, permutations.rng("separation"))


def sample(
    permutations: Permutations, vocabulary: Vocabulary, purpose: str, max_size: int
) -> dict[str, NDArray[np.intp]]:
    """Return indices of a random sample of each group, in ascending order."""
    samples = {}
    for name, rows in vocabulary.slices.items():
        shuffled = permutations.rng(purpose, name).permutation(np.arange(rows.start, rows.stop))
        samples[name] = np.sort(shuffled[:max_size])
    return samples


def compare_distances(
    permutations: Permutations, models: Sequence[EmbeddedModel], nearest: dict[str, NearestDistances]
) -> Iterator[Change]:
    """Yield the changes of the tested distances between each two models, with corrected p-values."""
    changes = []
    for first, second in itertools.combinations(models, 2):
        for metric, (source, target) in itertools.product(METRICS, GROUP_PAIRS):
            before, after = (nearest[model.label][metric, source, target] for model in (first, second))
            test = None
            if metric in SCALE_FREE:
                test = sign_flip_test(after - before, permutations.count, permutations.rng("change"))
            means = float(before.mean()), float(after.mean())
            ratio = second.normalisation.radius / first.normalisation.radius
            changes.append(Change(first.label, second.label, metric, source, target, *means, ratio, test, None))
    corrected = iter(holm([change.null.p for change in changes if change.null]))
    for change in changes:
        yield dataclasses.replace(change, corrected=next(corrected)) if change.null else change


def measure_alignments(
    permutations: Permutations, models: Sequence[EmbeddedModel]
) -> tuple[tuple[Alignment, ...], tuple[str, ...]]:
    """Compute CKA between the sides of similar pairs in each model, and between models on the first sides.

    Returns
    -------
    alignments : tuple of Alignment
        Ordered by task, then model or pair of models, then layer.
    notes : tuple of str
        What was not measured, and why.
    """
    notes = []
    comparisons = []
    for task, sides in models[0].pairs.items():
        if sides.shape[2] < MIN_ITEMS:
            notes.append(f"no CKA on {task}: {sides.shape[2]} similar test pairs, at least {MIN_ITEMS} are needed")
            continue
        comparisons += [
            (model.label, model.label, task, model.pairs[task][:, 0], model.pairs[task][:, 1]) for model in models
        ]
        for first, second in itertools.combinations(models, 2):
            if len(first.pairs[task]) == len(second.pairs[task]):
                first_sides = first.pairs[task][:, 0], second.pairs[task][:, 0]
                comparisons.append((first.label, second.label, task, *first_sides))
            else:
                notes.append(
                    f"no CKA between {first.label} and {second.label} on {task}: they have different numbers of layers"
                )
    alignments = []
    for first_label, second_label, task, left, right in progress(comparisons, desc="CKA"):
        for layer in range(len(left)):
            debiased = debiased_cka(left[layer], right[layer], permutations.count, permutations.rng("cka"))
            cka = linear_cka(left[layer], right[layer])
            alignments.append(Alignment(first_label, second_label, task, layer, left.shape[1], cka, debiased))
    return tuple(alignments), tuple(notes)


def distances_table(vocabulary: Vocabulary, nearest: dict[str, NearestDistances]) -> pa.Table:
    """Return the nearest distances of every item, a row for each model and item.

    The columns are ``model``, ``group``, ``word`` and, for each metric and target group, ``<metric>_to_<group>``.
    """
    parts = [
        pa.table(
            {
                "model": [label] * len(vocabulary.texts),
                "group": vocabulary.groups,
                "word": list(vocabulary.texts),
                **{
                    f"{metric}_to_{target}": np.concatenate([measured[metric, source, target] for source in GROUPS])
                    for metric in METRICS
                    for target in GROUPS
                },
            }
        )
        for label, measured in nearest.items()
    ]
    return pa.concat_tables(parts)
