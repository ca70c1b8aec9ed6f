"""What a run on summaries came to: its record, and the tables of one or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from bio_paws.errors import BioPawsError
from bio_paws.execution.documents import first_fault
from bio_paws.execution.files import read_json
from bio_paws_eval.layout.tables import Row, Table, percent, text_frame
from bio_paws_eval.measurements import READ_STRICTLY
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

    __pydantic_config__ = READ_STRICTLY
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

    __pydantic_config__ = READ_STRICTLY
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

    __pydantic_config__ = READ_STRICTLY
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
class SummaryResult:
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

    __pydantic_config__ = READ_STRICTLY
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
    schema_version: Annotated[str, Field(pattern=r"^1\.\d+$")] = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """What tables call the model."""
        return f"{self.model}, fine-tuned on {self.finetuned.dataset}" if self.finetuned else self.model


def read_summary_results(results: Path) -> list[SummaryResult]:
    """Read the records of all runs in a folder, in the order of their paths; there may be none.

    Raises
    ------
    BioPawsError
        When a file is not such a record.
    """
    paths = sorted(results.glob(f"**/{FILE}"))
    hidden = [any(part.startswith(".") for part in path.relative_to(results).parts) for path in paths]
    return [read_summary_result(path) for path, skip in zip(paths, hidden, strict=True) if not skip]


def read_summary_result(path: Path) -> SummaryResult:
    """Read the record of a run.

    Raises
    ------
    BioPawsError
        When the file is not one.
    """
    try:
        # Strict JSON: text is no number, and a list becomes a tuple.
        return _RECORD.validate_json(to_json(read_json(path), inf_nan_mode="constants"))
    except ValidationError as error:
        why = first_fault(error)
    except (OSError, ValueError) as error:
        why = str(error)
    raise BioPawsError(
        f"{path}: not a result of bio-paws summarize ({why}): restore it from a copy, or move it away and run again"
    )


_RECORD = TypeAdapter(SummaryResult)


def tables_of(results: Sequence[SummaryResult]) -> list[Table]:
    """Lay runs out: genes, and what was learnt of English where something was; no tables of no runs."""
    tables = []
    if results:
        tables.append(_genes(results))
    if learnt := [result for result in results if result.finetuned]:
        tables.append(_english(learnt))
    return tables


def _genes(results: Sequence[SummaryResult]) -> Table:
    columns = ("summaries by", "letters ACGT", "DNA alone", "length", "find their gene", "homologs find each other",
               "others do", "difference", "model above")  # fmt: skip
    subjects = dict.fromkeys(
        f"{result.genes} genes of {result.groups} homology groups; {result.homologs} pairs of homologs, "
        f"{result.others} of other genes"
        for result in results
    )
    return Table(
        "summaries",
        "Summaries of genes",
        text_frame(columns, (part for result in results for part in _parted(result))),
        note=f"{'; or '.join(subjects)}; BLAST, E < 1e-5, both strands. Intervals of 95% over homology groups. Model "
        "above: the model's difference less that of the row, over the same groups.",
    )


def _parted(result: SummaryResult) -> tuple[tuple[Row, ...], ...]:
    rows = [
        (
            result.name if score.method == "model" else score.method,
            percent(score.dna_letters),
            percent(score.valid),
            f"{score.length:.0f}",
            *(_interval(part) for part in (score.finds_source, score.homologs, score.others, score.difference)),
            _interval(score.above) if score.above else "-",
        )
        for score in result.scores
    ]
    models = 1 + (len(result.finetuned.trainings) if result.finetuned else 0)
    return tuple(rows[:models]), tuple(rows[models:])


def _english(results: Sequence[SummaryResult]) -> Table:
    groups, notes = [], []
    for result in results:
        learnt = result.finetuned
        assert learnt is not None
        groups.append(
            tuple(
                (
                    result.name if score.method == "model" else score.method,
                    _loss(learnt.trainings.get(score.method)),
                    _interval(score.rouge_l),
                    _interval(score.above) if score.above else "-",
                )
                for score in learnt.scores
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


def _interval(interval: Interval) -> str:
    if interval["value"] is None:
        return "-"
    return f"{interval['value']:.3f}\n[{interval['low']:.3f}, {interval['high']:.3f}]"
