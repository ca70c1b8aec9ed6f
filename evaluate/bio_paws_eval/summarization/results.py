"""What a run on summaries came to: its record, and the tables of one or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json
from bio_paws_eval.layout.tables import Row, Table, percent, text_frame
from bio_paws_eval.results import record_of
from bio_paws_eval.summarization.score import Interval, Score

SCHEMA_VERSION = "1.1"
FILE = "summaries.json"


@dataclass(frozen=True)
class Learnt:
    """How a fine-tuning went.

    Attributes
    ----------
    dev_losses : tuple of float
        Loss on the dev part after each epoch, nats a token of the summaries.
    best_epoch : int
        The epoch whose weights were kept, counted from 1: the first of the best.
    steps : int
        Steps of the optimizer.
    seconds, tokens_per_second : float
        Time of the steps, and tokens trained on, padding not counted.
    losses : tuple of float
        As in `finetune.Course`.
    """

    dev_losses: tuple[float, ...]
    best_epoch: int
    steps: int
    seconds: float
    tokens_per_second: float
    losses: tuple[float, ...]


@dataclass(frozen=True)
class EnglishScore:
    """How like the wanted ones the summaries of held-out English texts are.

    Attributes
    ----------
    method : str
        As in `Score`, and two floors: the first words of the text, and the summary of another text.
    rouge_l : Interval
        Mean ROUGE-L, F1, over texts.
    above : Interval or None
        The model's less this one; None for the model.
    """

    method: str
    rouge_l: Interval
    above: Interval | None


@dataclass(frozen=True)
class Finetuned:
    """What was learnt before genes were asked.

    Attributes
    ----------
    dataset : str
        As asked for.
    origin : dict of str to str
        What it is to the byte.
    train, dev, held_out, asked : int
        Texts learnt from, that chose the epoch, that were left out, and how many of these were asked.
    content_sha256 : str
        Digest of all texts and summaries.
    recipe : dict
        Hyper-parameters.
    trainings : dict of str to Learnt
        Of the model, and of the one with shuffled summaries.
    scores : tuple of EnglishScore
        On held-out English.
    """

    dataset: str
    origin: dict[str, str]
    train: int
    dev: int
    held_out: int
    asked: int
    content_sha256: str
    recipe: dict[str, Any]
    trainings: dict[str, Learnt]
    scores: tuple[EnglishScore, ...]


@dataclass(frozen=True)
class Found:
    """What came out.

    Attributes
    ----------
    model : str
        Its id.
    weights_sha256, tokenizer_sha256 : str
        Digests of its files, as they were given.
    genes, groups, homologs, others : int
        Genes summarised, their homology groups, pairs of homologs, and of other genes.
    floor_length : int
        Letters of the floors: the median of what DNA the model wrote, or `run.LENGTH`.
    tokens, seed : int
        As asked.
    blast : str
        Version of BLAST+.
    scores : tuple of Score
        Of the model, of the controls of its fine-tuning, then of the floors.
    finetuned : Finetuned or None
        None where the model was asked as it is. Since 1.1.
    """

    model: str
    weights_sha256: str
    tokenizer_sha256: str
    genes: int
    groups: int
    homologs: int
    others: int
    floor_length: int
    tokens: int
    seed: int
    blast: str
    scores: tuple[Score, ...]
    finetuned: Finetuned | None = None
    schema_version: str = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """What tables call the model."""
        return f"{self.model}, fine-tuned on {self.finetuned.dataset}" if self.finetuned else self.model


def read_founds(results: Path) -> list[Found]:
    """Read the records of all runs in a folder, in the order of their paths; there may be none.

    Raises
    ------
    BioPawsError
        When a file is not such a record.
    """
    paths = sorted(results.glob(f"**/{FILE}"))
    hidden = [any(part.startswith(".") for part in path.relative_to(results).parts) for path in paths]
    return [read_found(path) for path, skip in zip(paths, hidden, strict=True) if not skip]


def read_found(path: Path) -> Found:
    """Read the record of a run.

    Raises
    ------
    BioPawsError
        When the file is not one.
    """
    try:
        raw = read_json(path)
        scores = tuple(Score(**one) for one in raw["scores"])
        learnt = raw.get("finetuned")
        return Found(**raw | {"scores": scores, "finetuned": _finetuned(learnt) if learnt else None})
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BioPawsError(
            f"{path}: not a result of bio-paws summarize ({type(error).__name__}: {error}): remove it and run again"
        ) from error


def _finetuned(raw: dict[str, Any]) -> Finetuned:
    trainings = {name: record_of(Learnt, one, "dev_losses", "losses") for name, one in raw["trainings"].items()}
    return Finetuned(**raw | {"trainings": trainings, "scores": tuple(EnglishScore(**one) for one in raw["scores"])})


def tables_of(founds: Sequence[Found]) -> list[Table]:
    """Lay runs out: genes, and what was learnt of English where something was; no tables of no runs."""
    tables = []
    if founds:
        tables.append(_genes(founds))
    if learnt := [one for one in founds if one.finetuned]:
        tables.append(_english(learnt))
    return tables


def _genes(founds: Sequence[Found]) -> Table:
    columns = ("summaries by", "letters ACGT", "DNA alone", "length", "find their gene", "homologs find each other",
               "others do", "difference", "model above")  # fmt: skip
    asked = dict.fromkeys(
        f"{one.genes} genes of {one.groups} homology groups; {one.homologs} pairs of homologs, {one.others} of others"
        for one in founds
    )
    return Table(
        "summaries",
        "Summaries of genes",
        text_frame(columns, (part for found in founds for part in _parted(found))),
        note=f"{'; or '.join(asked)}; BLAST, E < 1e-5, both strands. Intervals of 95% over homology groups. Model "
        "above: the model's difference less that of the row, over the same groups.",
    )


def _parted(found: Found) -> tuple[tuple[Row, ...], ...]:
    rows = [
        (
            found.name if one.method == "model" else one.method,
            percent(one.dna_letters),
            percent(one.valid),
            f"{one.length:.0f}",
            *(_interval(part) for part in (one.finds_source, one.homologs, one.others, one.difference)),
            _interval(one.above) if one.above else "-",
        )
        for one in found.scores
    ]
    models = 1 + (len(found.finetuned.trainings) if found.finetuned else 0)
    return tuple(rows[:models]), tuple(rows[models:])


def _english(founds: Sequence[Found]) -> Table:
    groups, notes = [], []
    for found in founds:
        learnt = found.finetuned
        assert learnt is not None
        groups.append(
            tuple(
                (
                    found.name if one.method == "model" else one.method,
                    _loss(learnt.trainings.get(one.method)),
                    _interval(one.rouge_l),
                    _interval(one.above) if one.above else "-",
                )
                for one in learnt.scores
            )
        )
        notes.append(
            f"{learnt.dataset}: {learnt.train:,} texts to learn from, {learnt.dev:,} to choose the epoch, "
            f"{learnt.asked:,} of {learnt.held_out:,} others asked."
        )
    return Table(
        "summaries-english",
        "Summaries of English, held out",
        text_frame(("summaries by", "dev loss", "ROUGE-L", "model above"), groups),
        note=" ".join(dict.fromkeys(notes)) + " Intervals of 95% over texts. Dev loss: nats a token, of shuffled "
        "summaries on shuffled ones.",
    )


def _loss(learnt: Learnt | None) -> str:
    return f"{min(learnt.dev_losses):.3f}" if learnt else "-"


def _interval(one: Interval) -> str:
    if one["value"] is None:
        return "-"
    return f"{one['value']:.3f}\n[{one['low']:.3f}, {one['high']:.3f}]"
