"""A comparison of vectors from top to bottom: words -> vectors -> distances, nulls, CKA, projections -> files."""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of, read_arrow, write_arrow
from bio_paws_eval.models import loading
from bio_paws_eval.representations import projections
from bio_paws_eval.representations.analysis import (
    Embedded,
    alignments,
    changes,
    distances,
    nearest_table,
    nearest_words,
    sample,
)
from bio_paws_eval.representations.distances import frame_of, place
from bio_paws_eval.representations.embed import Embedder, survivable
from bio_paws_eval.representations.page import write_all
from bio_paws_eval.representations.permutation_tests import Permutations
from bio_paws_eval.representations.results import Compared, Comparison
from bio_paws_eval.representations.vocabulary import CUT_FROM, STRETCH, Words, find_words
from bio_paws_eval.tasks.tasks import Pairs, Sources, load_pairs, pawsx

PAIRED = ("dna150", "protein150")
"""Whose similar test pairs CKA is measured on, besides PAWS-X in English."""

MOST_PAIRS = 300
DRAWN_WORDS = 1000
"""Words a group in the figures."""

_PACKAGES = ("bio-paws", "english-words", "numpy", "scikit-learn", "tokenizers", "torch", "transformers", "umap-learn")


@dataclass(frozen=True)
class Settings:
    """What to compare.

    Attributes
    ----------
    models : tuple of (str, str or None)
        Folders or Hub ids, and which revision on the Hub: before, after, and controls.
    words : int
        Largest number of words of a group.
    sources : Sources
        Where bioPAWS is, and PAWS-X if it is asked.
    use_pawsx : bool
        Measure CKA on the similar pairs of PAWS-X too.
    permutations : Permutations
        How many, and the seed of every random choice.
    device : torch.device
        Where to compute.
    out : Path
        Folder of what is written.
    """

    models: tuple[tuple[str, str | None], ...]
    words: int
    sources: Sources
    use_pawsx: bool
    permutations: Permutations
    device: torch.device
    out: Path


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
    sources = [loading.find_model(*one) for one in settings.models]
    words = find_words(loading.load_tokenizer(sources[0]), settings.sources, settings.words, settings.permutations.seed)
    tasks = _similar_pairs(settings)
    embedded = [
        _embed(settings, label, source, words, tasks)
        for label, source in zip(string.ascii_uppercase, sources, strict=False)
    ]
    nearby = {one.label: nearest_words(one, words, settings.device) for one in embedded}
    aligned, notes = alignments(settings.permutations, embedded)
    projections, more = _projections(settings, embedded, words)
    comparison = Comparison(
        tuple(
            Compared(one.label, loading.describe(one.source), one.words.shape[1], one.frame.radius) for one in embedded
        ),
        {name: place.stop - place.start for name, place in words.places.items()},
        words.left_out,
        tuple(distances(settings.permutations, embedded, words, nearby)),
        tuple(changes(settings.permutations, embedded, words, nearby)),
        aligned,
        {
            "models": ", ".join(model for model, _ in settings.models),
            "words": settings.words,
            "words_digest": words.digest,
            "permutations": settings.permutations.count,
            "seed": settings.permutations.seed,
        },
        _environment(settings),
        (*(_told(name) for name in words.stretches), *notes, *more),
    )
    tables = {"distances": nearest_table(words, nearby), "projections": projections}
    return comparison, write_all(settings.out, comparison, tables)


def key_of(settings: Settings) -> str:
    """Digest of everything that can change a comparison, its folder aside."""
    sources = [loading.find_model(*one) for one in settings.models]
    asked = [*((name, "train") for name in CUT_FROM.values()), *((name, "test") for name in _asked(settings))]
    return digest_of(
        [[one.id, one.weights_sha256, one.tokenizer_sha256] for one in sources],
        [load_pairs(name, split, settings.sources).task.content_sha256 for name, split in asked],
        [settings.words, settings.permutations.count, settings.permutations.seed, _environment(settings)],
        [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
    )


def _asked(settings: Settings) -> tuple[str, ...]:
    """Tasks whose similar pairs are compared."""
    return (*PAIRED, pawsx("en")) if settings.use_pawsx else PAIRED


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
    found: dict[str, tuple[str, list[str], list[str]]] = {}
    for name in _asked(settings):
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
    source: loading.Source,
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


def _projections(settings: Settings, embedded: Sequence[Embedded], words: Words) -> tuple[pa.Table, tuple[str, ...]]:
    """Project a sample of the words; as a table, a row for each model and word."""
    rows = np.concatenate(list(sample(settings.permutations, words, "drawn", DRAWN_WORDS).values()))
    program = Path(projections.__file__).read_text(encoding="utf-8")
    key = digest_of([[one.source.weights_sha256, one.source.tokenizer_sha256] for one in embedded], words.digest,
                    rows.tolist(), settings.permutations.seed, program, _environment(settings))  # fmt: skip
    kept = settings.out / ".work" / f"projections-{key}.arrow"
    notes = []
    together = len({one.words.shape[1] for one in embedded}) == 1
    if not together:
        notes.append("no projection of all models together: their vectors differ in dimensions")
    if not kept.is_file():
        own = [one.words[rows].astype(np.float64) for one in embedded]
        scaled = [place(one.words[rows], one.frame, "scaled") for one in embedded]
        drawn = {
            "pca": projections.pca_alone(scaled),
            "umap": projections.umap_alone(scaled, settings.permutations.seed),
        }
        if together:
            drawn = {"pca_together": projections.pca_together(own), **drawn}
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
