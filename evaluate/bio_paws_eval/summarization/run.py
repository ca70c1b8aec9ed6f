"""Summarisation transfer from top to bottom: English -> model; genes -> summaries, and floors -> BLAST -> scores."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bio_paws.execution.files import atomic, write_json
from bio_paws.search import blast
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.runs.device import start_processes
from bio_paws_eval.stats.intervals import mean_intervals
from bio_paws_eval.summarization.baselines import FLOORS, KMER
from bio_paws_eval.summarization.english_summaries import English, Example, read_english
from bio_paws_eval.summarization.fine_tune import teach
from bio_paws_eval.summarization.generate import summarise
from bio_paws_eval.summarization.genes import pair_up, read_genes
from bio_paws_eval.summarization.results import FILE, EnglishScore, Finetuned, SummaryResult
from bio_paws_eval.summarization.rouge import rouge_l, words
from bio_paws_eval.summarization.score import dna_of, score_all

LENGTH = 100
"""Letters of the floors where the model writes no DNA."""

ASKED = 200
"""Held-out English texts that are summarised, at most."""

SHUFFLED = "shuffled summaries"


@dataclass(frozen=True)
class Lesson:
    """English to fine-tune on.

    Attributes
    ----------
    dataset : str
        As `english.read_english` takes it.
    columns : (str, str) or None
        Of text and summary.
    config : str or None
        Of a data set on the Hub.
    examples : int
        Most of them.
    recipe : Hyperparameters
        Hyper-parameters.
    """

    dataset: str
    columns: tuple[str, str] | None
    config: str | None
    examples: int
    recipe: Hyperparameters


@dataclass(frozen=True)
class Settings:
    """What to summarise.

    Attributes
    ----------
    model : str
        Folder or Hub id.
    lesson : Lesson or None
        What the model is fine-tuned on first; None to ask it as it is.
    genes, tokens : int
        Most genes, and most tokens of a summary.
    data : str or None
        Folder or Hub id of bioPAWS.
    seed : int
        Of every random choice.
    device : torch.device
        Where to compute.
    out : Path
        Folder of what is written.
    """

    model: str
    lesson: Lesson | None
    genes: int
    tokens: int
    data: str | None
    seed: int
    device: torch.device
    out: Path


def run(settings: Settings) -> SummaryResult:
    """Summarise genes, and measure what is left of them.

    Writes ``summaries.parquet`` and ``summaries.json``; where the model is fine-tuned first, ``english.parquet`` and
    the models too.

    Raises
    ------
    BioPawsError
        When the model, the data set, what it is fine-tuned on or BLAST+ cannot be had.
    """
    start_processes(settings.device)
    source = find_model(settings.model, None)
    genes = read_genes(settings.data, settings.genes, settings.seed)
    homologs, unrelated = pair_up(genes, settings.seed)
    models, finetuned = {"model": source}, None
    if settings.lesson:
        models, finetuned = _finetune(settings, settings.lesson, source)
    dna = [gene.dna for gene in genes]
    written = {name: _summarise(settings, model, dna) for name, model in models.items()}
    usable = [len(text) for text in map(dna_of, written["model"]) if len(text) >= KMER]
    length = int(np.median(usable)) if usable else LENGTH
    for name, floor in FLOORS.items():
        rng = np.random.default_rng([settings.seed, zlib.crc32(name.encode())])
        written[name] = [floor(sequence, length, rng) for sequence in dna]
    result = SummaryResult(
        source.id,
        source.weights_sha256,
        source.tokenizer_sha256,
        len(genes),
        len({gene.group for gene in genes}),
        len(homologs),
        len(unrelated),
        length,
        settings.tokens,
        settings.seed,
        blast.version(),
        tuple(score_all(written, genes, homologs, unrelated)),
        finetuned,
    )
    columns = {name: [getattr(gene, name) for gene in genes] for name in ("group", "organism", "dna")}
    _write(settings.out / "summaries.parquet", columns | written)
    write_json(settings.out / FILE, dataclasses.asdict(result))
    return result


def _summarise(settings: Settings, source: ModelSource, texts: Sequence[str]) -> list[str]:
    return summarise(source, texts, settings.tokens, settings.device, settings.out / ".work")


def _finetune(settings: Settings, lesson: Lesson, source: ModelSource) -> tuple[dict[str, ModelSource], Finetuned]:
    """Fine-tune the model and its control, and ask them, and the model as it was, for summaries of English."""
    work = settings.out / ".work"
    english = read_english(lesson.dataset, lesson.columns, lesson.config, lesson.examples, work)
    taught = {
        name: teach(
            source,
            english,
            lesson.recipe,
            settings.tokens,
            settings.seed,
            settings.device,
            settings.out,
            shuffled=name == SHUFFLED,
        )
        for name in ("model", SHUFFLED)
    }
    models = {"model": taught["model"][0], "untuned": source, SHUFFLED: taught[SHUFFLED][0]}
    examples = english.held_out[:ASKED]
    texts = [example.text for example in examples]
    written = {name: _summarise(settings, model, texts) for name, model in models.items()} | _english_floors(
        english, texts
    )
    _write(
        settings.out / "english.parquet",
        {"text": texts, "summary": [example.summary for example in examples], **written},
    )
    finetuned = Finetuned(
        english.name,
        english.origin,
        len(english.train),
        len(english.dev),
        len(english.held_out),
        len(examples),
        english.digest,
        dataclasses.asdict(lesson.recipe),
        {name: learnt for name, (_, learnt) in taught.items()},
        _score_english(written, examples),
    )
    return models, finetuned


def _english_floors(english: English, texts: Sequence[str]) -> dict[str, list[str]]:
    """What no model is needed for: as many first words as a summary has, and summaries of other texts."""
    length = int(np.median([len(words(example.summary)) for example in english.train]))
    return {
        "first words": [" ".join(words(text)[:length]) for text in texts],
        "another's summary": [example.summary for example in english.train[: len(texts)]],
    }


def _score_english(written: Mapping[str, Sequence[str]], examples: Sequence[Example]) -> tuple[EnglishScore, ...]:
    """ROUGE-L of each method, and how far the model is above it, on the same draws of texts."""
    values = np.array(
        [
            [rouge_l(text, example.summary) for text, example in zip(summaries, examples, strict=True)]
            for summaries in written.values()
        ]
    )
    means = mean_intervals(np.concatenate([values, values[0] - values]))
    return tuple(EnglishScore(name, means[i], means[len(values) + i] if i else None) for i, name in enumerate(written))


def _write(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    with atomic(path) as part:
        pq.write_table(pa.table(dict(columns)), part, compression="zstd")
