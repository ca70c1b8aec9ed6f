"""A comparison of representations from top to bottom: vocabulary -> representations -> measurements -> files."""

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
from bio_paws_eval.models.architectures import describe, empty_classifier
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.representations import projections
from bio_paws_eval.representations.analysis import (
    EmbeddedModel,
    compare_distances,
    distances_table,
    measure_alignments,
    measure_nearest,
    sample,
    summarise_distances,
)
from bio_paws_eval.representations.distances import fit_normalisation, normalise
from bio_paws_eval.representations.embed import Embedder, split_for_tokenizer
from bio_paws_eval.representations.page import write_comparison
from bio_paws_eval.representations.permutation_tests import Permutations
from bio_paws_eval.representations.results import ComparedModel, Comparison
from bio_paws_eval.representations.vocabulary import KMER_LENGTHS, TOKEN_CONFIGS, Vocabulary, build_vocabulary
from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources, pawsx

CKA_CONFIGS = ("dna150", "protein150")
"""Configs whose similar test pairs CKA is measured on, in addition to the English pairs of PAWS-X."""

MAX_PAIRS = 300
"""Similar pairs of a task that CKA is measured on."""

PLOTTED_ITEMS = 1000
"""Largest sample per group in the projections."""

_PACKAGES = ("bio-paws", "english-words", "numpy", "scikit-learn", "tokenizers", "torch", "transformers", "umap-learn")


@dataclass(frozen=True)
class RepresentationOptions:
    """Options of a comparison of representations.

    Attributes
    ----------
    models : tuple of (str, str or None)
        Folder or Hub id of each model, and its revision on the Hub: before, after, and controls.
    words : int
        Largest vocabulary of a group.
    sources : Sources
        Locations of bioPAWS and of PAWS-X.
    use_pawsx : bool
        Measure CKA on the English pairs of PAWS-X too.
    permutations : Permutations
        Permutations per test, and the seed of every random choice.
    device : torch.device
        Where to compute.
    out : Path
        Output folder.
    """

    models: tuple[tuple[str, str | None], ...]
    words: int
    sources: Sources
    use_pawsx: bool
    permutations: Permutations
    device: torch.device
    out: Path


def compare_models(options: RepresentationOptions) -> tuple[Comparison, tuple[Path, ...]]:
    """Compare the representations of models, and write the results.

    Returns
    -------
    comparison : Comparison
        The measurements.
    files : tuple of Path
        The page, the JSON and the Parquet files.

    Raises
    ------
    BioPawsError
        When a model, the data set or a library is missing, or a group's vocabulary is too small.
    """
    if len(options.models) > len(string.ascii_uppercase):
        raise BioPawsError(f"{len(options.models)} models: at most {len(string.ascii_uppercase)} can be compared")
    sources = [find_model(name, revision) for name, revision in options.models]
    seed = options.permutations.seed
    vocabulary = build_vocabulary(load_tokenizer(sources[0]), options.sources, options.words, seed)
    similar_pairs = _similar_pairs(options)
    models = [
        _embed(options, label, source, vocabulary, similar_pairs)
        for label, source in zip(string.ascii_uppercase, sources, strict=False)
    ]
    nearest = {model.label: measure_nearest(model, vocabulary, options.device) for model in models}
    alignments, alignment_notes = measure_alignments(options.permutations, models)
    projected, projection_notes = _project(options, models, vocabulary)
    comparison = Comparison(
        tuple(
            ComparedModel(
                model.label,
                describe(model.source, empty_classifier(model.source)),
                model.vectors.shape[1],
                model.normalisation.radius,
            )
            for model in models
        ),
        {name: rows.stop - rows.start for name, rows in vocabulary.slices.items()},
        vocabulary.excluded,
        tuple(summarise_distances(options.permutations, models, vocabulary, nearest)),
        tuple(compare_distances(options.permutations, models, nearest)),
        alignments,
        {
            "models": ", ".join(name for name, _ in options.models),
            "words": options.words,
            "words_digest": vocabulary.digest,
            "permutations": options.permutations.count,
            "seed": options.permutations.seed,
        },
        _environment(options),
        (*(_kmer_note(name) for name in vocabulary.kmer_groups), *alignment_notes, *projection_notes),
    )
    tables = {"distances": distances_table(vocabulary, nearest), "projections": projected}
    return comparison, write_comparison(options.out, comparison, tables)


def comparison_key(options: RepresentationOptions) -> str:
    """Return a digest of everything that can change a comparison, except its output folder."""
    sources = [find_model(name, revision) for name, revision in options.models]
    splits = [(name, "train") for name in TOKEN_CONFIGS.values()] + [(name, "test") for name in _cka_tasks(options)]
    return digest_of(
        [[source.id, source.weights_sha256, source.tokenizer_sha256] for source in sources],
        [load_pairs(name, split, options.sources).task.content_sha256 for name, split in splits],
        [options.words, options.permutations.count, options.permutations.seed, _environment(options)],
        [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
    )


def _cka_tasks(options: RepresentationOptions) -> tuple[str, ...]:
    """Return the tasks whose similar pairs CKA is measured on."""
    return (*CKA_CONFIGS, pawsx("en")) if options.use_pawsx else CKA_CONFIGS


def _kmer_note(group: str) -> str:
    return (
        f"{group} items are {KMER_LENGTHS[group]}-mers: the tokenizer of the first model gives too few tokens of two "
        "or more characters"
    )


def _environment(options: RepresentationOptions) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions, "device": options.device.type}


def _similar_pairs(options: RepresentationOptions) -> dict[str, tuple[str, list[str], list[str]]]:
    """Return molecule, first sides and second sides of the first similar test pairs of each task."""
    by_task: dict[str, tuple[str, list[str], list[str]]] = {}
    for name in _cka_tasks(options):
        pairs = load_pairs(name, "test", options.sources)
        sides = list(itertools.islice(_similar(pairs), MAX_PAIRS))
        by_task[name] = (pairs.molecule, [first for first, _ in sides], [second for _, second in sides])
    return by_task


def _similar(pairs: Pairs) -> Iterator[tuple[str, str]]:
    for batch in pairs.read():
        rows = zip(*(batch[name].to_pylist() for name in ("sentence1", "sentence2", "label")), strict=True)
        yield from ((sentence1, sentence2) for sentence1, sentence2, label in rows if label == 1)


def _embed(
    options: RepresentationOptions,
    label: str,
    source: ModelSource,
    vocabulary: Vocabulary,
    similar_pairs: dict[str, tuple[str, list[str], list[str]]],
) -> EmbeddedModel:
    """Compute the last layer of the vocabulary's items, and all layers of the similar pairs."""
    embedder = Embedder(source, options.device, options.out / ".work")
    vectors = embedder.embed(vocabulary.texts, all_layers=False)[0]
    pairs = {}
    for name, (molecule, first, second) in similar_pairs.items():
        texts = [*first, *second]
        if molecule != "text":
            texts = split_for_tokenizer(embedder.tokenizer, texts)
        layers = embedder.embed(texts, all_layers=True)
        pairs[name] = layers.reshape(len(layers), 2, len(first), -1)
    return EmbeddedModel(label, source, vectors, fit_normalisation(vectors, vocabulary.slices.values()), pairs)


def _project(
    options: RepresentationOptions, models: Sequence[EmbeddedModel], vocabulary: Vocabulary
) -> tuple[pa.Table, tuple[str, ...]]:
    """Project a sample of the vocabulary, or read the cached projections.

    Returns
    -------
    table : pyarrow.Table
        A row for each model and item, as `figures.draw_comparison` takes it.
    notes : tuple of str
        What was not projected, and why.
    """
    rows = np.concatenate(list(sample(options.permutations, vocabulary, "drawn", PLOTTED_ITEMS).values()))
    program = Path(projections.__file__).read_text(encoding="utf-8")
    digests = [[model.source.weights_sha256, model.source.tokenizer_sha256] for model in models]
    seed = options.permutations.seed
    key = digest_of(digests, vocabulary.digest, rows.tolist(), seed, program, _environment(options))
    path = options.out / ".work" / f"projections-{key}.arrow"
    notes = []
    same_dimensions = len({model.vectors.shape[1] for model in models}) == 1
    if not same_dimensions:
        notes.append("no joint projection: the models' representations have different dimensions")
    if not path.is_file():
        unscaled = [model.vectors[rows].astype(np.float64) for model in models]
        scaled = [normalise(model.vectors[rows], model.normalisation, "scaled") for model in models]
        projected = {"pca": projections.separate_pca(scaled), "umap": projections.umap(scaled, seed)}
        if same_dimensions:
            projected = {"pca_together": projections.joint_pca(unscaled), **projected}
        groups = vocabulary.groups
        parts = [
            {
                "model": [model.label] * len(rows),
                "group": [groups[i] for i in rows],
                "word": [vocabulary.texts[i] for i in rows],
                **{
                    f"{name}_{axis}": projection.points[number][:, i]
                    for name, projection in projected.items()
                    for i, axis in enumerate("xy")
                },
            }
            for number, model in enumerate(models)
        ]
        variance = {
            f"{name}_{model.label}": ", ".join(f"{100 * ratio:.0f}%" for ratio in projection.variance[number])
            for name, projection in projected.items()
            for number, model in enumerate(models)
        }
        table = pa.concat_tables([pa.table(part) for part in parts]).replace_schema_metadata(variance)
        write_arrow(path, table)
    return read_arrow(path), tuple(notes)
