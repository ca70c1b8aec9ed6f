"""A comparison of vectors from top to bottom: words -> vectors -> distances, nulls, CKA, projections -> files."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import platform
import string
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from tqdm import tqdm

from bio_paws.errors import BioPawsError
from bio_paws.files import digest_of, read_arrow, write_arrow
from bio_paws_eval import metrics, models
from bio_paws_eval.tasks import Pairs, Sources, load_pairs, pawsx
from bio_paws_eval.vectors import project
from bio_paws_eval.vectors.cka import MIN_THINGS, debiased_cka, linear_cka
from bio_paws_eval.vectors.distances import METRICS, SCALE_FREE, Frame, frame_of, nearest, place
from bio_paws_eval.vectors.embed import Embedder, survivable
from bio_paws_eval.vectors.measured import Alignment, Change, Compared, Comparison, Distance
from bio_paws_eval.vectors.null import Null, change, separation
from bio_paws_eval.vectors.page import write_all
from bio_paws_eval.vectors.words import GROUPS, STRETCH, Words, find_words

CROSSINGS = (("dna", "english"), ("protein", "english"), ("dna", "protein"))
"""Distances between groups that are tested; the first is the paper's."""

PAIRED = ("dna150", "protein150")
"""Whose similar test pairs CKA is measured on, besides PAWS-X in English."""

MOST_PAIRS = 300
NULL_WORDS = 500
"""Words a group that are put together anew; all distances between them are held."""
DRAWN_WORDS = 1000
"""Words a group in the figures."""

_PACKAGES = ("bio-paws", "english-words", "numpy", "scikit-learn", "tokenizers", "torch", "transformers", "umap-learn")


@dataclass(frozen=True)
class Settings:
    """What to compare.

    Attributes
    ----------
    models : tuple of str
        Folders or Hub ids: before, after, and controls.
    words : int
        Largest number of words of a group.
    sources : Sources
        Where bioPAWS is, and PAWS-X if it is asked.
    use_pawsx : bool
        Measure CKA on the similar pairs of PAWS-X too.
    permutations, seed : int
        How many, and of every random choice.
    device : torch.device
        Where to compute.
    out : Path
        Folder of what is written.
    """

    models: tuple[str, ...]
    words: int
    sources: Sources
    use_pawsx: bool
    permutations: int
    seed: int
    device: torch.device
    out: Path

    def rng(self, *purpose: str) -> np.random.Generator:
        """Return a generator of its own for each purpose, so that none hangs on what was drawn before."""
        return np.random.default_rng([self.seed, zlib.crc32("\t".join(purpose).encode())])


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
    source: models.Source
    words: NDArray[np.float32]
    frame: Frame
    pairs: dict[str, NDArray[np.float32]]


def run(settings: Settings) -> tuple[Comparison, tuple[Path, ...]]:
    """Compare the models, and write what comes out.

    Returns
    -------
    Comparison
        The numbers.
    tuple of Path
        The files.

    Raises
    ------
    BioPawsError
        When a model, the data set or a library cannot be had, or there are too few words.
    """
    if len(settings.models) > len(string.ascii_uppercase):
        raise BioPawsError(f"{len(settings.models)} models: at most {len(string.ascii_uppercase)} can be compared")
    sources = [models.find_model(one, None) for one in settings.models]
    words = find_words(models.load_tokenizer(sources[0]), settings.sources, settings.words, settings.seed)
    tasks = _similar_pairs(settings)
    embedded = [
        _embed(settings, label, source, words, tasks)
        for label, source in zip(string.ascii_uppercase, sources, strict=False)
    ]
    nearby = {one.label: _nearest(one, words, settings.device) for one in embedded}
    alignments, notes = _alignments(settings, embedded)
    projections, more = _projections(settings, embedded, words)
    comparison = Comparison(
        tuple(
            Compared(one.label, models.describe(one.source), one.words.shape[1], one.frame.radius) for one in embedded
        ),
        {name: place.stop - place.start for name, place in words.places.items()},
        words.left_out,
        tuple(_distances(settings, embedded, words, nearby)),
        tuple(_changes(settings, embedded, words, nearby)),
        alignments,
        {
            "models": ", ".join(settings.models),
            "words": settings.words,
            "words_digest": words.digest,
            "permutations": settings.permutations,
            "seed": settings.seed,
        },
        _environment(settings),
        (*(_told(name) for name in words.stretches), *notes, *more),
    )
    tables = {"distances": _nearest_table(words, nearby), "projections": projections}
    return comparison, write_all(settings.out, comparison, tables)


def _told(group: str) -> str:
    return (
        f"words of {group} are stretches of {STRETCH[group]} letters: the tokenizer of the first model cuts too few "
        "pieces of several letters"
    )


def _environment(settings: Settings) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions, "device": settings.device.type}


def _similar_pairs(settings: Settings) -> dict[str, tuple[str, list[str], list[str]]]:
    """Molecule, first and second sides of the first similar test pairs of each task."""
    names = [*PAIRED, pawsx("en")] if settings.use_pawsx else PAIRED
    found: dict[str, tuple[str, list[str], list[str]]] = {}
    for name in names:
        pairs = load_pairs(name, "test", settings.sources)
        sides = list(itertools.islice(_similar(pairs), MOST_PAIRS))
        found[name] = (pairs.molecule, [one for one, _ in sides], [other for _, other in sides])
    return found


def _similar(pairs: Pairs) -> Iterator[tuple[str, str]]:
    for batch in pairs.read():
        rows = zip(*(batch[name].to_pylist() for name in ("sentence1", "sentence2", "label")), strict=True)
        yield from ((one, other) for one, other, label in rows if label == 1)


def _embed(
    settings: Settings,
    label: str,
    source: models.Source,
    words: Words,
    tasks: dict[str, tuple[str, list[str], list[str]]],
) -> Embedded:
    embedder = Embedder(source, settings.device, settings.out / ".work")
    vectors = embedder.embed(words.texts, all_layers=False)[0]
    pairs = {}
    for name, (molecule, *sides) in tasks.items():
        texts = [*sides[0], *sides[1]]
        layers = embedder.embed(texts if molecule == "text" else survivable(embedder.tokenizer, texts), all_layers=True)
        pairs[name] = layers.reshape(len(layers), 2, len(sides[0]), -1)
    return Embedded(label, source, vectors, frame_of(vectors, words.places.values()), pairs)


Nearby = dict[tuple[str, str, str], NDArray[np.float64]]
"""Distance of each word of a group to the nearest of another, by metric, group and other group."""


def _nearest(one: Embedded, words: Words, device: torch.device) -> Nearby:
    found: Nearby = {}
    asked = list(itertools.product(GROUPS, GROUPS))
    for source, target in tqdm(asked, desc=f"distances in {one.label}", disable=None):
        places = words.places[source], words.places[target]
        for metric in METRICS:
            if metric == "scaled":
                found[metric, source, target] = found["euclidean", source, target] / (one.frame.radius or 1.0)
            else:
                found[metric, source, target] = nearest(one.words, one.frame, metric, *places, device)
    return found


def _distances(
    settings: Settings, embedded: Sequence[Embedded], words: Words, nearby: dict[str, Nearby]
) -> Iterator[Distance]:
    sample = _sample(settings, words, "null", NULL_WORDS)
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
                    null=_separation(settings, one, metric, sample[source], sample[target]) if tested else None,
                )


def _separation(
    settings: Settings, one: Embedded, metric: str, source: NDArray[np.intp], target: NDArray[np.intp]
) -> Null:
    points = place(one.words[np.r_[source, target]], one.frame, metric)
    distances = cdist(points, points)
    if metric == "cosine":
        distances = distances**2 / 2
    # The same permutations in every model and metric.
    return separation(distances, len(source), settings.permutations, settings.rng("separation"))


def _sample(settings: Settings, words: Words, purpose: str, most: int) -> dict[str, NDArray[np.intp]]:
    """Places of a random part of each group, in their order."""
    chosen = {}
    for name, group in words.places.items():
        drawn = settings.rng(purpose, name).permutation(np.arange(group.start, group.stop))
        chosen[name] = np.sort(drawn[:most])
    return chosen


def _changes(
    settings: Settings, embedded: Sequence[Embedded], words: Words, nearby: dict[str, Nearby]
) -> Iterator[Change]:
    found = []
    for first, second in itertools.combinations(embedded, 2):
        for metric, (source, target) in itertools.product(METRICS, CROSSINGS):
            before, after = (nearby[one.label][metric, source, target] for one in (first, second))
            null = None
            if metric in SCALE_FREE:
                null = change(after - before, settings.permutations, settings.rng("change"))
            means = float(before.mean()), float(after.mean())
            ratio = second.frame.radius / first.frame.radius
            found.append(Change(first.label, second.label, metric, source, target, *means, ratio, null, None))
    corrected = iter(metrics.holm([one.null.p for one in found if one.null]))
    for one in found:
        yield dataclasses.replace(one, corrected=next(corrected)) if one.null else one


def _alignments(settings: Settings, embedded: Sequence[Embedded]) -> tuple[tuple[Alignment, ...], tuple[str, ...]]:
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
            debiased = debiased_cka(one[layer], other[layer], settings.permutations, settings.rng("cka"))
            cka = linear_cka(one[layer], other[layer])
            found.append(Alignment(first_label, second_label, name, layer, one.shape[1], cka, debiased))
    return tuple(found), tuple(notes)


def _projections(settings: Settings, embedded: Sequence[Embedded], words: Words) -> tuple[pa.Table, tuple[str, ...]]:
    """Project a sample of the words; as a table, a row for each model and word."""
    rows = np.concatenate(list(_sample(settings, words, "drawn", DRAWN_WORDS).values()))
    program = Path(project.__file__).read_text(encoding="utf-8")
    key = digest_of([[one.source.weights_sha256, one.source.tokenizer_sha256] for one in embedded], words.digest,
                    rows.tolist(), settings.seed, program, _environment(settings))  # fmt: skip
    kept = settings.out / ".work" / f"projections-{key}.arrow"
    notes = []
    together = len({one.words.shape[1] for one in embedded}) == 1
    if not together:
        notes.append("no projection of all models together: their vectors differ in dimensions")
    if not kept.is_file():
        own = [one.words[rows].astype(np.float64) for one in embedded]
        scaled = [place(one.words[rows], one.frame, "scaled") for one in embedded]
        drawn = {"pca": project.pca_alone(scaled), "umap": project.umap_alone(scaled, settings.seed)}
        if together:
            drawn = {"pca_together": project.pca_together(own), **drawn}
        groups = words.groups
        parts = [
            {
                "model": [one.label] * len(rows),
                "group": [groups[i] for i in rows],
                "word": [words.texts[i] for i in rows],
                **{f"{name}_{axis}": drawn[name].points[at][:, i] for name in drawn for i, axis in enumerate("xy")},
            }
            for at, one in enumerate(embedded)
        ]
        variance = {
            f"{name}_{one.label}": ", ".join(f"{100 * part:.0f}%" for part in projection.variance[at])
            for name, projection in drawn.items()
            for at, one in enumerate(embedded)
        }
        table = pa.concat_tables([pa.table(part) for part in parts]).replace_schema_metadata(variance)
        write_arrow(kept, table)
    return read_arrow(kept), tuple(notes)


def _nearest_table(words: Words, nearby: dict[str, Nearby]) -> pa.Table:
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
